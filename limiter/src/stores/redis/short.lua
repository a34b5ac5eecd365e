-- Checks on keys that are fresh, or have a short log that one limit alone has written. What check_any would answer, without
-- its tables. Stands behind `extraordinary`, a function whose body is log.lua and check_any.lua.
--
-- Every check, here and in the other files, answers 1 if it is allowed, otherwise 0; what remains; and, unless it was
-- admitted and everything will be available again in a period, retry_after and reset_after in microseconds.

local any, shared, write_shared

-- Decides a check of any kind on any log; see check_any.lua.
local function check_any(key, kind, log)
  if not any then any, shared, write_shared = extraordinary() end
  return any(key, kind, log or call('GETRANGE', key, '0', SHORT_READ))
end

-- Decides a check on a key that stands more than once among KEYS.
local function check_shared(key, kind)
  if not any then any, shared, write_shared = extraordinary() end
  return shared(key, kind)
end

local ENTRIES_AT = '16' -- from 0, as Redis counts; what is read here is counted from 1
local texts = {} -- of offsets in a log

-- Decides checks of one kind. A log that is not of this kind is left to `otherwise`.
local function short(kind, otherwise)
  local calls, period, cost = kind.calls, kind.period, kind.cost
  local header, over, expires = 'E' .. kind.terms, kind.over, kind.expires

  -- A check that is refused, or costs nothing.
  local function look(used, idle, log, oldest)
    local remaining, reset_after = calls - used, used > 0 and period - idle or 0
    local wanted = max(cost, 1)
    if wanted <= remaining then return 1, remaining, 0, reset_after end
    if wanted > calls then return 0, remaining, reset_after, reset_after end
    local leaves = oldest + 6 * (wanted - remaining - 1)
    return 0, remaining, period - (clock - unpack('<I6', log, leaves)) % TIMES, reset_after
  end

  -- Writes a log without what has left: where it stands, if it is about as long as it should be; a command that changes a
  -- value costs half as much as one that puts another in its place.
  local function write_anew(key, log, oldest, ends, count)
    local times = cost == 1 and stamp or rep(stamp, cost)
    if not log then
      local written = call('SET', key, header .. times .. FREE, 'NX', 'PXAT', expires)
      if not written then error(NO_COUNTER) end -- MGET says of what is no string that it is not there
      return false
    end
    local entries, most = sub(log, oldest, ends - 1) .. times, min(calls + ceil(calls / 8), SHORT + 4)
    local places = (#log - HEADER) / 6 - 1
    if places >= min(count + ceil(count / 4), most) and places <= 4 * count then
      call('SETRANGE', key, ENTRIES_AT, entries .. rep(FREE, places - count + 1))
      return true
    end
    places = max(count, min(2 * count, most))
    call('SET', key, header .. entries .. rep(FREE, places - count + 1), 'PXAT', expires)
    return false
  end

  return function(key, log)
    -- Where the first entry stands that has not left, where the next one is to stand.
    local oldest, ends, used, idle = FIRST, FIRST, 0, TIMES
    if log then
      if #log < FIRST + 11 then return otherwise(key, log) end
      local its, first, second = unpack('<c16I6I6', log)
      if its ~= header then return otherwise(key, log, its) end
      ends = find(log, FREE_AHEAD, FIRST, true) or #log - 5
      ends = ends + (FIRST - ends) % 6
      idle = (clock - unpack('<I6', log, ends - 6)) % TIMES
      if idle >= TIMES / 2 then return check_any(key, kind, log) end -- the clock is behind the newest entry
      if idle >= period then
        oldest = ends
      else
        while (clock - first) % TIMES >= period do
          oldest = oldest + 6
          if (clock - second) % TIMES < period then break end
          oldest = oldest + 6
          first, second = unpack('<I6I6', log, oldest)
        end
        used = (ends - oldest) / 6
      end
    end

    local remaining = calls - used - cost
    if remaining < 0 or cost == 0 then return look(used, idle, log, oldest) end
    local is_same = true -- as a key, with the expiry it had
    if used > 0 and ends + 6 * cost + 5 <= #log then
      local at = texts[ends]
      if not at then
        at = format('%d', ends - 1)
        texts[ends] = at
      end
      call('SETRANGE', key, at, cost == 1 and stamp or rep(stamp, cost))
    elseif used + cost > SHORT then
      return check_any(key, kind, log)
    else
      is_same = write_anew(key, log, oldest, ends, used + cost)
    end
    if is_same and idle > over then call('PEXPIREAT', key, expires) end
    return 1, remaining
  end
end
