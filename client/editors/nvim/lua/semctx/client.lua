--- The connection to the daemon: JSON-RPC 2.0, one message a line, over libuv's pipe. Nothing here waits.
---
--- A failure is a table as docs/protocol.md has it: `type`, `message`, `hint`. Callbacks run on the main loop.
local bit = require('bit')
local paths = require('semctx.paths')
local uv = vim.uv or vim.loop

local M = { PROTOCOL = 1, VERSION = '0.1.0' }

local TIMEOUT_MS = 40000 -- the daemon's own deadline is earlier, unless it hangs
local GROUP_OR_OTHERS_WRITE = 18 -- 022

---@class semctx.Failure
---@field type string
---@field message string
---@field hint string

---@class semctx.Connection
---@field daemon table what the daemon said of itself
---@field documents table<string, table> what semctx.documents has opened in it
---@field pipe userdata|nil nil: it has ended
---@field pending table<number, function> by the number of the request
local Connection = {}
Connection.__index = Connection

local living ---@type semctx.Connection|nil
local waiting ---@type function[]|nil who waits for the connection that is being made; nil: none is

---@param type string
---@param message string
---@param hint string|nil
---@return semctx.Failure
local function failure(type, message, hint)
  return { type = type, message = message, hint = hint or '' }
end

---@param reason string|nil
---@return semctx.Failure
local function lost(reason)
  return failure('ConnectionLost', 'the connection to the daemon was lost' .. (reason and ': ' .. reason or ''), 'Ask again.')
end

--- Ask the daemon.
---@param method string
---@param params table
---@param callback fun(failure: semctx.Failure|nil, result: any)
function Connection:request(method, params, callback)
  if not self.pipe then
    return callback(lost())
  end
  self.number = self.number + 1
  local number = self.number
  self.pending[number] = callback
  self:send({ id = number, method = method, params = params })
  vim.defer_fn(function()
    if self.pending[number] then
      self:send({ method = '$/cancelRequest', params = { id = number } })
      local message = ('%s: no reply within %d s'):format(method, TIMEOUT_MS / 1000)
      self:settle(number, failure('Timeout', message, 'Ask again; `semctx health` says how the daemon is.'))
    end
  end, TIMEOUT_MS)
end

---@param message table
function Connection:send(message)
  message.jsonrpc = '2.0'
  if self.pipe then
    self.pipe:write(vim.json.encode(message) .. '\n', vim.schedule_wrap(function(problem)
      if problem then
        self:lose(lost(problem))
      end
    end))
  end
end

--- A request has its outcome.
function Connection:settle(number, problem, result)
  local callback = self.pending[number]
  self.pending[number] = nil
  if callback then
    callback(problem, result)
  end
end

--- A line of the daemon has come.
function Connection:take(line)
  local read, message = pcall(vim.json.decode, line)
  if not read or type(message) ~= 'table' then
    return self:lose(failure('ConnectionLost', 'what answers is no daemon of semctx', 'See `:checkhealth semctx`.'))
  end
  local problem
  if message.error then
    local data = type(message.error.data) == 'table' and message.error.data or {}
    problem = failure(data.type or 'InternalError', message.error.message, data.hint)
    problem.nearest = data.nearest
  end
  if type(message.id) == 'number' then
    self:settle(message.id, problem, message.result)
  elseif problem then -- it could not read a message of ours, and cannot say which
    self:lose(problem)
  end
end

--- The connection is over: whoever waits is told.
function Connection:lose(problem)
  if not self.pipe then
    return
  end
  self.pipe:close()
  self.pipe = nil
  living = living ~= self and living or nil
  for _, number in ipairs(vim.tbl_keys(self.pending)) do
    self:settle(number, problem)
  end
end

local function connection_on(pipe)
  local self = setmetatable({ pipe = pipe, pending = {}, number = 0, documents = {} }, Connection)
  local rest = ''
  pipe:read_start(vim.schedule_wrap(function(problem, chunk)
    if not chunk then
      return self:lose(lost(problem))
    end
    local lines = vim.split(rest .. chunk, '\n', { plain = true }) -- a pattern would try every start of a long line
    rest = table.remove(lines)
    for _, line in ipairs(lines) do
      self:take(line)
    end
  end))
  return self
end

--- Reach the socket. `callback(failure)`, `callback(nil, connection)`, or `callback()` where nobody listens.
local function dial(path, callback)
  local folder = paths.parent(path)
  local owner = uv.fs_stat(folder)
  if not owner then
    return callback()
  elseif owner.uid ~= uv.getuid() or bit.band(owner.mode, GROUP_OR_OTHERS_WRITE) ~= 0 then
    local hint = 'Remove it, or set SEMCTX_SOCKET to a path in a folder of yours with mode 0700.'
    return callback(failure('DaemonUnavailable', folder .. ' is open to others: anybody could listen there', hint))
  end
  local pipe = uv.new_pipe(false)
  local answered = vim.schedule_wrap(function(problem)
    if not problem then
      return callback(nil, connection_on(pipe))
    end
    pipe:close()
    if problem:find('^ENOENT') or problem:find('^ECONNREFUSED') then
      return callback()
    end
    callback(failure('DaemonUnavailable', path .. ': ' .. problem, 'See `:checkhealth semctx`.'))
  end)
  local begun, problem = pipe:connect(path, answered)
  if not begun then
    answered(problem)
  end
end

--- The command that runs semctx, with arguments.
---@return string[]
function M.command(...)
  local command = vim.g.semctx_command or 'semctx'
  return vim.list_extend(type(command) == 'table' and vim.deepcopy(command) or { command }, { ... })
end

--- Run `semctx start`, which returns when a daemon listens. `callback(failure)` or `callback()`.
local function start(path, callback)
  local command = M.command('start')
  local nobody = 'no daemon listens on ' .. path
  if (vim.env.SEMCTX_NO_START or '') ~= '' and vim.env.SEMCTX_NO_START ~= '0' then
    return callback(failure('DaemonUnavailable', nobody, 'SEMCTX_NO_START is set: run `semctx start` yourself.'))
  elseif vim.fn.executable(command[1]) == 0 then
    local hint = "Install it (pip install 'semctx[daemon]'), or set g:semctx_command to where it is."
    return callback(failure('DaemonUnavailable', nobody .. ', and there is no program ' .. command[1], hint))
  end
  local said = {}
  vim.fn.jobstart(command, {
    stderr_buffered = true,
    on_stderr = function(_, lines)
      said = lines
    end,
    on_exit = function(_, code)
      local reason = vim.trim(table.concat(said, ' '))
      callback(code ~= 0 and failure('DaemonUnavailable', 'semctx start failed: ' .. reason) or nil)
    end,
  })
end

--- Introduce the editor, with the environment in which the daemon is to look for Python.
local function greet(connection, callback)
  local greeting = { client = 'semctx-nvim/' .. M.VERSION, protocol = M.PROTOCOL, env = {} }
  for _, name in ipairs({ 'VIRTUAL_ENV', 'CONDA_PREFIX', 'PATH' }) do
    greeting.env[name] = vim.env[name]
  end
  connection:request('session/hello', greeting, function(problem, daemon)
    if problem then
      connection:lose(problem)
      return callback(problem)
    end
    connection.daemon = daemon
    living = connection
    callback(nil, connection)
  end)
end

--- The connection to the daemon, made if there is none; the daemon is started if there is none.
---@param callback fun(failure: semctx.Failure|nil, connection: semctx.Connection)
function M.connect(callback)
  if living then
    return callback(nil, living)
  elseif waiting then
    table.insert(waiting, callback)
    return
  end
  waiting = { callback }
  local function done(problem, connection)
    local told = waiting or {}
    waiting = nil
    for _, one in ipairs(told) do
      one(problem, connection)
    end
  end
  local path = paths.socket()
  local function reached(problem, connection)
    if connection then
      greet(connection, done)
    else
      done(problem or failure('DaemonUnavailable', 'no daemon listens on ' .. path .. ', although one was started'))
    end
  end
  dial(path, function(problem, connection)
    if problem or connection then
      return reached(problem, connection)
    end
    start(path, function(unable)
      if unable then
        return done(unable)
      end
      dial(path, reached)
    end)
  end)
end

return M
