-- Decides ordered lists of checks. Each check is an exact sliding window over one key; the first refusal ends its
-- list, and what stands after it is neither evaluated nor charged.
--
-- KEYS     one counter per check, list after list
-- ARGV[1]  packed, little-endian: for each check its kind, counted from 0 (3 bytes), for the first of a list plus 2^23;
--          then the kinds, each its calls (5 bytes), its period in microseconds (5), its cost (6, signed), and whether
--          its keys stand more than once among KEYS (1)
-- ARGV[2]  tests only: the time in microseconds, used instead of TIME
-- Result   packed, little-endian, signed numbers of 6 bytes for each check that was decided: what remains, if it was
--          admitted and everything will be available again in a period; otherwise -1 if it was allowed or -2 if it was
--          refused, then remaining, retry_after, reset_after (both in microseconds)
--
-- Atomic because Redis runs nothing else while a script runs: no check sees a counter between another's reading and
-- writing it. Replicas and the append-only file get the writes, not the script, so they never read another time.
-- Stands behind prelude.lua and a function `extraordinary`, whose body is log.lua and check_any.lua: what is in it costs
-- the ordinary call nothing.

local any, shared, write_shared

-- Decides a check of any kind on any log; see check_any.lua.
local function check_any(key, kind, part)
  if not any then any, shared, write_shared = extraordinary() end
  if part == '' then part = call('GETRANGE', key, '0', SHORT_READ) end -- MGET says so of what is no string, too
  return any(key, kind, part)
end

-- Decides a check on a key that stands more than once among KEYS.
local function check_shared(key, kind)
  if not any then any, shared, write_shared = extraordinary() end
  return shared(key, kind)
end

-- THE ORDINARY: A LOG OF ONE LIMIT ---------------------------------------------------------------------------------

-- Decides a check on a key that is fresh, or has a short log that this limit alone has written. What check_any would
-- answer, without its tables.
local function check_short(key, kind, log)
  local calls, period, cost = kind.calls, kind.period, kind.cost
  local oldest, used, reset_after = HEADER + 1, 0, 0 -- oldest: where the first entry stands that has not left
  local is_fresh = log == ''
  if not is_fresh then
    local idle = (clock - unpack('<I6', log, #log - 5)) % TIMES
    if idle >= TIMES / 2 then return check_any(key, kind, log) end -- the clock is behind the newest entry
    if idle < period then
      while (clock - unpack('<I6', log, oldest)) % TIMES >= period do oldest = oldest + 6 end
      used, reset_after = (#log + 1 - oldest) / 6, period - idle
    else
      log = ''
    end
  end

  local remaining, wanted = calls - used, max(cost, 1)
  if wanted > remaining then
    if wanted > calls then return 0, remaining, reset_after, reset_after end
    local leaves = oldest + 6 * (wanted - remaining - 1)
    return 0, remaining, period - (clock - unpack('<I6', log, leaves)) % TIMES, reset_after
  end
  if cost == 0 then return 1, remaining, 0, reset_after end
  if used + cost > SHORT then return check_any(key, kind, log) end

  local times = cost == 1 and stamp or rep(stamp, cost)
  if log ~= '' and oldest == HEADER + 1 then
    log = log .. times
  else
    log = kind.header .. sub(log, oldest) .. times
  end
  if is_fresh then
    if not call('SET', key, log, 'NX', 'PXAT', kind.expires) then error(NO_COUNTER) end
  else
    call('SET', key, log, 'PXAT', kind.expires)
  end
  return 1, remaining - cost, 0, period
end

-- Decides a check on a long exact log that this limit alone has written, as check_any would, if nothing is out of the
-- ordinary: one call that fits into the room there is, while few entries have left since last time.
local function check_long(key, kind, log)
  local calls, period = kind.calls, kind.period
  local count, left, places, newest, lasts = unpack('<I2I2I2I6xxxxxxxxxxxxxxI6', log, HEADER + 1)
  local idle = (clock - newest) % TIMES -- enormous if the clock is behind the newest entry
  if kind.cost ~= 1 or count == places or idle >= period then return check_any(key, kind, log) end

  local near, from = log, HEADER + STATE + 6 * left + 1
  if not kind.whole then near, from = call('GETRANGE', key, format('%d', from - 1), format('%d', from + AROUND - 2)), 1 end
  local at, most = from, min(#near - 5, from + min(AROUND, 6 * (count - left)) - 6)
  while at <= most and (clock - unpack('<I6', near, at)) % TIMES >= period do at = at + 6 end
  if at > most then return check_any(key, kind, log) end
  left = left + (at - from) / 6
  local remaining = calls - (count - left)
  if remaining == 0 then return 0, 0, period - (clock - unpack('<I6', near, at)) % TIMES, period - idle end

  call('SETRANGE', key, format('%d', HEADER + STATE + 6 * count), stamp)
  local is_late_enough = (lasts - clock) % TIMES < TIMES / 2
  if not is_late_enough then lasts = (clock + spare(period)) % TIMES end
  call('SETRANGE', key, STATE_AT, pack('<I2I2I2I6I7I7I6', count + 1, left, places, clock % TIMES, 0, count + 1, lasts))
  if not is_late_enough then call('PEXPIREAT', key, expiry(clock + spare(period), period)) end
  return 1, remaining - 1, 0, period
end

-- THE LISTS --------------------------------------------------------------------------------------------------------

local STARTS_LIST = 2 ^ 23
local packed, kinds = ARGV[1], {}
for at = 3 * #KEYS + 1, #packed, 17 do
  local calls, period, cost, is_shared = unpack('<I5I5i6B', packed, at)
  local terms = pack('<I5I5I5', calls, period, period)
  kinds[#kinds + 1] = { calls = calls, period = period, cost = cost, exact = calls <= EXACT_CALLS,
    is_shared = is_shared == 1, whole = is_shared == 0 and calls <= WHOLE,
    header = 'E' .. terms, long_header = 'L' .. terms, expires = expiry(clock, period) }
end

-- Logs that are short, or not much longer, are read all at once: a command costs more than most logs.
local of, asked = { unpack('<' .. rep('I3', #KEYS), packed) }, {}
for i = 1, #KEYS do
  if kinds[of[i] % STARTS_LIST + 1].whole then asked[#asked + 1] = KEYS[i] end
end
local read, reads = asked[1] and call('MGET', spread(asked)), 0

local result, filled, allowed = {}, 0, 1
for i = 1, #KEYS do
  local key, number, part = KEYS[i], of[i], nil
  if number >= STARTS_LIST then number, allowed = number - STARTS_LIST, 1 end
  local kind = kinds[number + 1]
  if kind.whole then
    reads = reads + 1
    part = read[reads] or ''
  end
  if allowed == 1 then
    local check = check_any
    if kind.is_shared then
      check = check_shared
    else
      part = part or call('GETRANGE', key, '0', SHORT_READ)
      if kind.exact and (part == '' or find(part, kind.header, 1, true) == 1) then
        check = check_short
      elseif kind.exact and find(part, kind.long_header, 1, true) == 1 then
        check = check_long
      end
    end
    local remaining, retry_after, reset_after
    allowed, remaining, retry_after, reset_after = check(key, kind, part)
    if allowed == 1 and reset_after == kind.period then
      filled = filled + 1
      result[filled] = remaining
    else
      result[filled + 1], result[filled + 2] = allowed - 2, remaining
      result[filled + 3], result[filled + 4] = retry_after, reset_after
      filled = filled + 4
    end
  end
end
if write_shared then write_shared() end

-- Packed because both sides handle one string faster than many numbers; in parts because a call takes only so many.
local PART = 1000
if filled <= PART then return pack('<' .. rep('i6', filled), spread(result)) end
local parts = {}
for from = 1, filled, PART do
  local to = min(from + PART - 1, filled)
  parts[#parts + 1] = pack('<' .. rep('i6', to - from + 1), spread(result, from, to))
end
return table.concat(parts)
