-- Checks out of the ordinary: of any kind, on any log, and of keys that are asked for more than once in one call. Stands
-- behind log.lua.

-- A log as a limit sees it. `part` is the log's beginning. Adds to it: the limit's kind, how many entries have left its
-- window, what remains, when everything is available again, and how much was admitted and is not written yet.
local function seen_by(kind, key, part)
  local log = load(key, part)
  local left = last(log, log.left, has_left, min(kind.period, log.memory))
  local used = (log.total - total(log, left)) % TOTALS
  log.kind, log.gone, log.remaining, log.unwritten = kind, left, max(kind.calls - used, 0), 0
  log.reset_after = used > 0 and kind.period - log.idle + log.now - clock or 0
  return log
end

-- What a check is told that does not fit.
local function refuse(log, wanted)
  local calls, period = log.kind.calls, log.kind.period
  if wanted > calls then return 0, log.remaining, log.reset_after, log.reset_after end
  -- The entry whose leaving makes room is the one with the (calls - wanted + 1)-th newest admission.
  local before = (log.total - log.base) % TOTALS - (calls - wanted)
  local stays = last(log, log.gone, is_before, before)
  return 0, log.remaining, period - age(log, stays + 1) + log.now - clock, log.reset_after
end

-- What a check is told that was admitted.
local function tell(log, remaining)
  if log.now == clock then return 1, remaining end
  return 1, remaining, 0, log.kind.period + log.now - clock
end

local function check_any(key, kind, part)
  local log, cost = seen_by(kind, key, part), kind.cost
  local wanted = max(cost, 1)
  if wanted > log.remaining then return refuse(log, wanted) end
  if cost == 0 then return 1, log.remaining, 0, log.reset_after end
  admit(log, kind.calls, kind.period, cost, log.gone)
  return tell(log, log.remaining - cost)
end

-- Logs of keys that this call asks for more than once, by key: read once, and written once for all that is admitted.
-- All of it is admitted at the same moment.
local shared = {}

local function write(log)
  if log.unwritten > 0 then admit(log, log.kind.calls, log.kind.period, log.unwritten, log.gone) end
end

local function write_shared()
  for _, log in pairs(shared) do write(log) end
end

local function check_shared(key, kind)
  local log, cost = shared[key], kind.cost
  local wanted = max(cost, 1)
  if log then
    local same = log.kind.calls == kind.calls and log.kind.period == kind.period
    -- What it has to wait for may be among what is not written yet.
    if not same or log.unwritten > 0 and wanted > log.remaining then
      write(log)
      log = nil
    end
  end
  if not log then
    log = seen_by(kind, key, call('GETRANGE', key, '0', SHORT_READ))
    shared[key] = log
  end
  if wanted > log.remaining then return refuse(log, wanted) end
  if cost == 0 then return 1, log.remaining, 0, log.reset_after end
  log.unwritten, log.remaining = log.unwritten + cost, log.remaining - cost
  log.reset_after = kind.period + log.now - clock
  return tell(log, log.remaining)
end
