--- What is about to be written where the cursor is. Pure: text and the daemon's outline of it go in.
local M = {}

--- The text of a line that is a comment, else nil.
local function comment(line)
  return line:match('^%s*#+%s*(.-)%s*$')
end

local function is_decorator(line)
  return line:find('^%s*@') ~= nil
end

--- The innermost class, function or method around a line.
local function around(symbols, row)
  local found
  for _, symbol in ipairs(symbols) do -- in the order of the file: what is inside comes later
    if symbol.kind ~= 'variable' and symbol.line <= row and row <= symbol.end_line then
      found = symbol
    end
  end
  return found
end

--- The comment that ends right above a line, decorators apart; '' if there is none.
local function comment_above(lines, row)
  local said = {}
  local at = row - 1
  while at > 0 and is_decorator(lines[at]) do
    at = at - 1
  end
  while at > 0 and comment(lines[at]) do
    table.insert(said, 1, comment(lines[at]))
    at = at - 1
  end
  return vim.trim(table.concat(said, ' '))
end

--- The question about the place of the cursor, as parameters of context/query; nil where there is none to ask.
---
--- The function around it counts, or the one that comes right below the comment or the decorator that it is on. Its
--- docstring is the intent, else the comment above it, else the words of its name.
---@param lines string[] of the buffer
---@param row number 1-based
---@param symbols table[] the file's, as symbols/overview has them
---@return table|nil
function M.question(lines, row, symbols)
  local below = row
  while lines[below] and (comment(lines[below]) or is_decorator(lines[below])) do
    below = below + 1
  end
  local symbol = around(symbols, row)
  if not symbol or symbol.kind == 'class' then
    symbol = around(symbols, below) or symbol
  end
  if not symbol then
    local said = comment_above(lines, below)
    return said ~= '' and { intent = said } or nil
  end
  local intent = symbol.doc ~= '' and symbol.doc or comment_above(lines, symbol.line)
  return {
    intent = intent ~= '' and intent or vim.trim((symbol.name:gsub('_+', ' '))),
    signature = symbol.kind ~= 'class' and symbol.signature or nil,
    qualname = symbol.qualname,
  }
end

return M
