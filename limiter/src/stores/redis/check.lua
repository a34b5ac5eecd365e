-- Decides ordered lists of checks. Each check is an exact sliding window over one key; the first refusal ends its
-- list, and what stands after it is neither evaluated nor charged.
--
-- KEYS     one counter per check, list after list
-- ARGV[1]  packed, little-endian: for each check its kind, counted from 1 (3 bytes), for the first of a list plus 2^23;
--          then the kinds, each its calls (5 bytes), its period in microseconds (5), its cost (6, signed), and whether
--          its keys stand more than once among KEYS (1)
-- ARGV[2]  tests only: the time in microseconds, used instead of TIME
-- Result   packed, little-endian, signed numbers of 6 bytes for each check that was decided: what remains, if it was
--          admitted and everything will be available again in a period; otherwise -1 if it was allowed or -2 if it was
--          refused, then remaining, retry_after, reset_after (both in microseconds)
--
-- Atomic because Redis runs nothing else while a script runs: no check sees a counter between another's reading and
-- writing it. Replicas and the append-only file get the writes, not the script, so they never read another time.
-- Stands behind everything else: prelude.lua, then a function `extraordinary`, whose body is log.lua and check_any.lua and
-- costs the ordinary call nothing, then short.lua and long.lua.

local STARTS_LIST = 2 ^ 23
local keys, packed = KEYS, ARGV[1]

-- By number of kind: how its checks are decided, and whether their logs are read together or each by itself. If neither,
-- deciding reads them.
local decide, together, apart, all_together = {}, {}, {}, true
for at = 3 * #keys + 1, #packed, 17 do
  local calls, period, cost, is_shared = unpack('<I5I5i6B', packed, at)
  local _, over = quarter(period, clock)
  local kind = { calls = calls, period = period, cost = cost, terms = pack('<I5I5I5', calls, period, period),
    over = over, expires = expiry(clock, period) }
  local number = #decide + 1
  if is_shared == 1 then
    decide[number] = function(key) return check_shared(key, kind) end
  elseif calls > EXACT_CALLS then
    decide[number] = function(key) return check_any(key, kind) end
  else
    decide[number] = short(kind, long(kind))
    together[number], apart[number] = calls <= WHOLE, calls > WHOLE
  end
  all_together = all_together and together[number]
end

local of, read = { unpack('<' .. rep('I3', #keys), packed) }, nil
if all_together and keys[1] then
  read = call('MGET', spread(keys))
else
  local asked, places = {}, {}
  for i = 1, #keys do
    if together[of[i] % STARTS_LIST] then
      asked[#asked + 1] = keys[i]
      places[#asked] = i
    end
  end
  read = {}
  local answers = asked[1] and call('MGET', spread(asked))
  for i = 1, #asked do read[places[i]] = answers[i] end
end

local result, filled, allowed = {}, 0, 1
for i = 1, #keys do
  local key, number, log = keys[i], of[i], read[i]
  if number > STARTS_LIST then number, allowed = number - STARTS_LIST, 1 end
  if allowed == 1 then
    if log == nil and apart[number] then
      log = call('GETRANGE', key, '0', SHORT_READ)
      if log == '' then log = nil end
    end
    local remaining, retry_after, reset_after
    allowed, remaining, retry_after, reset_after = decide[number](key, log)
    if not reset_after then
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
