--- `:checkhealth semctx`: what is wrong, and what to do.
local client = require('semctx.client')
local paths = require('semctx.paths')

local M = {}

local WAIT_MS = 45000

local report = vim.health or require('health')
local start = report.start or report.report_start
local ok = report.ok or report.report_ok
local warn = report.warn or report.report_warn
local fail = report.error or report.report_error

--- What a function gives to its callback, waited for. A check reports while it runs, so it may not return before.
---@return semctx.Failure|nil
---@return any
local function wait(ask)
  local answer
  ask(function(problem, result)
    answer = { problem = problem, result = result }
  end)
  if not vim.wait(WAIT_MS, function()
    return answer ~= nil
  end, 10) then
    return { type = 'Timeout', message = 'no answer in time', hint = 'Run `semctx restart`.' }
  end
  return answer.problem, answer.result
end

--- The language servers and the indexer of a workspace, as its health has them.
local function report_sessions(root, health)
  for _, workspace in ipairs(health.workspaces) do
    for _, session in ipairs(workspace.sessions) do
      local text = ('%s: %s%s'):format(session.name, session.state, session.why ~= '' and ', ' .. session.why or '')
      if session.state == 'crashed' or session.state == 'failed' then
        warn(text, { 'Run `semctx doctor` in ' .. root })
      else
        ok(text)
      end
    end
  end
end

function M.check()
  start('semctx')
  if vim.fn.has('nvim-0.7') == 0 then
    return fail('Neovim is too old', { 'Use Neovim 0.7 or later.' })
  end
  local command = client.command()[1]
  if vim.fn.executable(command) == 1 then
    ok('program: ' .. vim.fn.exepath(command))
  else
    warn(command .. ' is not executable: a daemon cannot be started from here', {
      "pip install 'semctx[daemon]'",
      'Or set g:semctx_command to where it is.',
    })
  end

  local unable, connection = wait(client.connect)
  if unable then
    return fail(unable.message, unable.hint ~= '' and { unable.hint } or nil)
  end
  ok('socket: ' .. paths.socket())
  local daemon = connection.daemon
  ok(('daemon: semctxd %s, process %d, protocol %d'):format(daemon.version, daemon.pid, daemon.protocol))

  local before = vim.fn.bufnr('#') -- the report has taken the place of the buffer that it is about
  local root = paths.root_of(before ~= -1 and paths.file(before) or nil)
  local function ask(method, params)
    return wait(function(callback)
      connection:request(method, params, callback)
    end)
  end
  local problem, overview = ask('symbols/overview', { root = root, limits = { files = 1, symbols = 0 } })
  if problem then
    return fail(('root: %s: %s'):format(root, problem.message), { problem.hint })
  end
  ok(('root: %s, %d source files'):format(root, #overview.files + overview.left_out))

  -- a question that starts the language server; that there is no such file is an answer as well
  local place = { uri = vim.uri_from_fname(root .. '/.semctx-health.py') }
  local nothing = { textDocument = place, position = { line = 0, character = 0 } }
  problem = ask('lsp/request', { root = root, method = 'textDocument/hover', params = nothing })
  if problem and problem.type ~= 'ServerError' then
    warn('language server: ' .. problem.message, { problem.hint })
  end
  local health
  problem, health = ask('health', { root = root })
  if problem then
    return fail(problem.message, { problem.hint })
  end
  report_sessions(root, health)
  for _, reason in ipairs(health.reasons) do
    warn(reason)
  end
end

return M
