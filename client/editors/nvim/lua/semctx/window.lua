--- The side window: a context as Markdown, from which <CR> jumps to what a line is about.
local api = vim.api

local M = {}

local NAME = 'semctx://context'
local shown = { targets = {} } -- what the window shows: `root`, `origin` (window), `targets` (by line)

--- A context as Markdown.
---@param intent string
---@param context table the result of context/query
---@param notes string[]
---@return string[] lines
---@return table<number, table> targets by line: `file`, `line`, and `column` where it is known
function M.render(intent, context, notes)
  local lines, targets = {}, {}
  local function add(text, target)
    for _, line in ipairs(vim.split(text, '\n', { plain = true })) do
      table.insert(lines, line)
      targets[#lines] = target
    end
  end
  local function at(place) -- path:line
    local file, line = (place or ''):match('^(.*):(%d+)$')
    return file and { file = file, line = tonumber(line) }
  end
  local function section(title, items, show)
    if #items > 0 then
      add('\n## ' .. title .. '\n')
      for _, item in ipairs(items) do
        show(item)
      end
    end
  end

  add('# ' .. intent:gsub('%s+', ' '))
  for _, note in ipairs(notes) do
    add('\n> ' .. note)
  end
  section('Symbols', context.symbols, function(symbol)
    add(('- **%s** %s %s:%d'):format(symbol.qualname, symbol.kind, symbol.file, symbol.line), symbol)
    add('      ' .. symbol.signature:gsub('\n', '\n      '), symbol)
    if symbol.doc ~= '' then
      add('  ' .. symbol.doc:gsub('%s+', ' '), symbol)
    end
  end)
  section('Imports', context.imports, function(import)
    add('    ' .. import.statement:gsub('\n', '\n    '), at(import.evidence[1]))
  end)
  section('Conventions', context.conventions, function(found)
    local place = found.evidence[1]
    local text = ('- %s: %s (%d of %d%s)'):format(
      found.key, found.value, found.count, found.of, place and ', ' .. place or ''
    )
    add(text:gsub('\n', ' '), at(place))
  end)
  section('Files', context.files, function(file)
    add(('- %s: %s'):format(file.path, file.why), { file = file.path, line = 1 })
  end)
  return lines, targets
end

--- Go to what the line under the cursor is about, in the window from which it was asked.
function M.jump()
  local target = shown.targets[api.nvim_win_get_cursor(0)[1]]
  if not target then
    return
  end
  if api.nvim_win_is_valid(shown.origin) and shown.origin ~= api.nvim_get_current_win() then
    api.nvim_set_current_win(shown.origin)
  else
    vim.cmd('leftabove vsplit')
  end
  vim.cmd("normal! m'")
  local buffer = vim.fn.bufadd(shown.root .. '/' .. target.file)
  vim.bo[buffer].buflisted = true
  local opened, problem = pcall(vim.cmd, 'buffer ' .. buffer)
  if not opened then -- 'nohidden', and the window's buffer is modified
    return vim.notify('semctx: ' .. problem:match('E%d+:.*'), vim.log.levels.ERROR)
  end
  local row = math.min(target.line, api.nvim_buf_line_count(0))
  local text = api.nvim_buf_get_lines(0, row - 1, row, true)[1]
  local known, column = pcall(vim.str_byteindex, text, target.column or 0, true)
  api.nvim_win_set_cursor(0, { row, known and column or 0 })
end

local function buffer_of_its_own()
  local buffer = vim.fn.bufnr(NAME)
  if buffer ~= -1 then
    return buffer
  end
  buffer = api.nvim_create_buf(false, true)
  api.nvim_buf_set_name(buffer, NAME)
  vim.bo[buffer].filetype = 'markdown'
  vim.keymap.set('n', '<CR>', M.jump, { buffer = buffer, desc = 'Go to what this line is about' })
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, desc = 'Close the context' })
  return buffer
end

--- Show a context beside the window from which it was asked; the cursor stays where it is.
---@param root string
---@param origin number window
---@param intent string
---@param context table
---@param notes string[]
function M.show(root, origin, intent, context, notes)
  local buffer = buffer_of_its_own()
  local lines, targets = M.render(intent, context, notes)
  shown = { root = root, origin = origin, targets = targets }
  vim.bo[buffer].modifiable = true
  api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modifiable = false
  local window = vim.fn.bufwinid(buffer)
  if window == -1 then
    local before = api.nvim_get_current_win()
    vim.cmd('noautocmd botright vsplit')
    window = api.nvim_get_current_win()
    api.nvim_win_set_buf(window, buffer)
    api.nvim_win_set_width(window, math.min(80, math.floor(vim.o.columns / 2)))
    vim.wo[window].wrap = true
    vim.wo[window].linebreak = true
    vim.wo[window].number = false
    vim.wo[window].winfixwidth = true
    api.nvim_set_current_win(before)
  end
  api.nvim_win_set_cursor(window, { 1, 0 })
end

return M
