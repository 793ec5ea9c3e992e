--- Unsaved text: the daemon's answers to this editor see each workspace as the editor shows it.
---
--- The daemon is told right before it is asked, so typing costs nothing.
local paths = require('semctx.paths')

local M = {}

local function text_of(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, true), '\n') .. '\n'
end

--- What has to be said of a modified buffer: a method and its parameters; nil where it is known as it is.
local function news(known, root, file, buffer)
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  local before = known[file]
  if before and before.buffer == buffer and before.tick == tick then
    return nil
  end
  local version = before and before.version + 1 or 1
  known[file] = { root = root, buffer = buffer, tick = tick, version = version }
  local params = { root = root, file = file, version = version }
  if before then
    params.changes = { { text = text_of(buffer) } }
    return 'document/change', params
  end
  params.text = text_of(buffer)
  return 'document/open', params
end

--- Tell the daemon which buffers of a workspace differ from their files, and how.
---@param connection semctx.Connection
---@param root string
---@param callback fun(refused: string[]) which texts it does not take and why, one line each
function M.sync(connection, root, callback)
  local known, modified = connection.documents, {}
  local refused, left = {}, 1
  local function done()
    left = left - 1
    if left == 0 then
      callback(refused)
    end
  end
  local function tell(method, params)
    left = left + 1
    connection:request(method, params, function(problem)
      if problem then
        known[params.file] = nil -- the next question opens it again
        table.insert(refused, ('%s counts as it is on disk: %s'):format(params.file, problem.message))
      end
      done()
    end)
  end
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    local file = vim.api.nvim_buf_is_loaded(buffer) and vim.bo[buffer].modified and paths.file(buffer)
    if file and paths.root_of(file) == root then
      modified[file] = true
      local method, params = news(known, root, file, buffer)
      if method then
        tell(method, params)
      end
    end
  end
  for file, document in pairs(known) do
    if document.root == root and not modified[file] then
      known[file] = nil
      tell('document/close', { root = root, file = file })
    end
  end
  done()
end

return M
