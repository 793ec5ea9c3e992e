--- Where the daemon's socket is, and which workspace a buffer belongs to.
--- The rules are those of the Python client, `semctx.paths` and `semctx.roots`.
local uv = vim.uv or vim.loop

local M = {}

--- The Unix socket of this user's daemon: an absolute path.
---@return string
function M.socket()
  local given, runtime = vim.env.SEMCTX_SOCKET or '', vim.env.XDG_RUNTIME_DIR or ''
  if given ~= '' then
    return vim.fn.fnamemodify(given, ':p')
  end
  local folder = runtime ~= '' and runtime .. '/semctx' or '/tmp/semctx-' .. uv.getuid()
  return folder .. '/semctxd-v1.sock'
end

--- The workspace that holds a folder: the nearest one upwards with `.git`, else with `pyproject.toml`, else itself.
---@param folder string absolute path
---@return string
function M.root(folder)
  for _, marker in ipairs({ '.git', 'pyproject.toml' }) do
    local at, below = folder, nil
    repeat
      if uv.fs_stat(at .. '/' .. marker) then
        return at
      end
      at, below = M.parent(at), at
    until at == below
  end
  return folder
end

--- The workspace of a file, or without one of the current directory.
---@param file string|nil absolute path
---@return string
function M.root_of(file)
  return M.root(file and M.parent(file) or vim.fn.getcwd())
end

--- The folder that holds a path.
---@param path string
---@return string
function M.parent(path)
  return vim.fn.fnamemodify(path, ':h')
end

--- The absolute path of the file that a buffer edits; nil for terminals, help, URLs and what has no name.
---@param buffer number
---@return string|nil
function M.file(buffer)
  local name = vim.api.nvim_buf_get_name(buffer)
  if name == '' or vim.bo[buffer].buftype ~= '' or name:find('^%a[%w+.-]*://') then
    return nil
  end
  return name
end

return M
