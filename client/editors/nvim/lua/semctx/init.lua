--- Context from the semctx daemon for what is about to be written. See `:help semctx`.
local client = require('semctx.client')
local cursor = require('semctx.cursor')
local documents = require('semctx.documents')
local paths = require('semctx.paths')
local window = require('semctx.window')
local api = vim.api

local M = {}

local PATIENCE_MS = 1000 -- after which the user is told that the daemon still works on it
local latest = 0 -- the number of the last question: the answer to an earlier one is not shown

---@param problem semctx.Failure
local function show_failure(problem)
  local text = 'semctx: ' .. problem.message
  if type(problem.nearest) == 'table' and #problem.nearest > 0 then
    text = text .. ' (near: ' .. table.concat(problem.nearest, ', ') .. ')'
  end
  if problem.hint ~= '' then
    text = text:gsub('%.?$', '. ') .. problem.hint
  end
  vim.notify(text, vim.log.levels.ERROR)
end

--- Ask what matters, and show it in the side window.
---@param words string|nil the intent; without one the function under the cursor is meant
function M.context(words)
  local buffer, origin = api.nvim_get_current_buf(), api.nvim_get_current_win()
  local row = api.nvim_win_get_cursor(origin)[1]
  local file = paths.file(buffer)
  local root = paths.root_of(file)
  words = vim.trim(words or '')

  latest = latest + 1
  local number, over = latest, false
  local function finish(problem)
    over = true
    if problem and number == latest then
      show_failure(problem)
    end
  end
  vim.defer_fn(function()
    if not over and number == latest then
      api.nvim_echo({ { 'semctx: still working on it …' } }, false, {})
    end
  end, PATIENCE_MS)

  local function nothing_to_ask()
    local hint = 'Put the cursor into a function, or say what you want: :SemctxContext some words'
    finish({ type = 'InvalidParams', message = 'there is no function under the cursor', hint = hint })
  end
  if words == '' and not file then
    return nothing_to_ask()
  end

  local function query(connection, question, notes)
    question.root, question.targetFile = root, file
    connection:request('context/query', question, function(problem, context)
      finish(problem)
      if context and number == latest then
        for _, reason in ipairs(context.degraded or {}) do
          table.insert(notes, 'This may not reflect everything: ' .. reason)
        end
        table.insert(notes, context.hint) -- nil, where a word of the question is known
        local shown, why = pcall(window.show, root, origin, question.intent, context, notes)
        if not shown then -- no room, or the command-line window
          finish({ type = 'InternalError', message = 'the side window cannot be shown: ' .. why, hint = '' })
        end
      end
    end)
  end

  client.connect(function(unable, connection)
    if unable then
      return finish(unable)
    end
    if not api.nvim_buf_is_loaded(buffer) then
      return finish()
    end
    local lines = api.nvim_buf_get_lines(buffer, 0, -1, true)
    documents.sync(connection, root, function(notes)
      if words ~= '' then
        return query(connection, { intent = words }, notes)
      end
      local outline = { root = root, file = file, limits = { symbols = 1000 } }
      connection:request('symbols/overview', outline, function(problem, overview)
        if problem then
          return finish(problem)
        end
        local question = cursor.question(lines, row, overview.files[1] and overview.files[1].symbols or {})
        if question then
          query(connection, question, notes)
        else
          nothing_to_ask()
        end
      end)
    end)
  end)
end

return M
