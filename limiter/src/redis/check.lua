-- Decides ordered lists of checks. Each check is an exact sliding window over one key; the first refusal ends its
-- list, and what stands after it is neither evaluated nor charged.
--
-- KEYS     one counter per check, list after list
-- ARGV[1]  packed, little-endian: for each list its number of checks (4 bytes); for each check its calls, its period
--          in microseconds and its cost (5 bytes each)
-- ARGV[2]  tests only: the time in microseconds, used instead of TIME
-- Result   integers: for each list how many of its checks were decided; for each of those allowed (1 or 0),
--          remaining, retry_after, reset_after (both in microseconds)
--
-- Atomic because Redis runs nothing else while a script runs: no check sees a counter between another's reading and
-- writing it. Replicas and the append-only file get the writes, not the script, so they never read another time.
--
-- A counter is one string: a header, then a log of entries, oldest first, then maybe zeros as room for more.
--   header  largest calls, shortest period, longest period that admitted (5 bytes each), number of entries (2)
--   exact   (largest calls up to EXACT_CALLS) one entry per admission: its time (6 bytes)
--   slotted (above) the total before the first entry (7 bytes), then one entry per slot: the time of its latest
--           admission (6 bytes), the total up to and including it (7 bytes)
-- Times are kept modulo 2^48 microseconds (nine years), totals modulo 2^53 (a Lua number holds no more).

local EXACT_CALLS = 1000
local HEADER, COUNT_AT = 17, 15 -- the header's size; where the number of entries stands in it
local TIMES, TOTALS = 2 ^ 48, 2 ^ 53
local SHORT = 64      -- entries up to which a log is simply written anew
local MAX_SLOTS = 640 -- twice what two periods need, so that coarsening is rare

local clock = tonumber(ARGV[2])
if not clock then
  local time = redis.call('TIME')
  clock = time[1] * 1000000 + time[2]
end

-- Microseconds since the i-th oldest entry.
local function age(log, i)
  return (log.now - struct.unpack('<I6', log.value, log.start + (i - 1) * log.width + 1)) % TIMES
end

-- The running total after the i oldest entries.
local function total(log, i)
  if log.exact then return i end
  if i == 0 then return log.base end
  return (struct.unpack('<I7', log.value, log.start + (i - 1) * log.width + 7))
end

-- The smallest i in [1, count + 1] for which `reached` holds; it holds for all after that.
local function first(count, reached)
  local low, high = 1, count + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if reached(middle) then high = middle else low = middle + 1 end
  end
  return low
end

-- How many entries are older than the period, or as old.
local function gone(log, period)
  return first(log.count, function(i) return age(log, i) < period end) - 1
end

local function set_form(log)
  log.exact = log.largest <= EXACT_CALLS
  log.start = log.exact and HEADER or HEADER + 7
  log.width = log.exact and 6 or 13
end

-- What is known of a key; nothing is (count 0) once its last admission has left the longest period.
local function load(key)
  local log = { largest = 0, shortest = math.huge, longest = 0, count = 0, now = clock, base = 0 }
  local value = redis.call('GET', key)
  if value then
    log.value = value
    log.largest, log.shortest, log.longest, log.count = struct.unpack('<I5I5I5I2', value)
    set_form(log)
    if not log.exact then log.base = struct.unpack('<I7', value, HEADER + 1) end
    -- Time never runs backwards for a key: a clock behind the newest entry waits there.
    local newest = (age(log, log.count) + TIMES / 2) % TIMES - TIMES / 2
    if newest < 0 then log.now = clock - newest end
    if newest < log.longest then return log end
    log = { largest = 0, shortest = math.huge, longest = 0, count = 0, now = clock, base = 0 }
  end
  set_form(log)
  return log
end

-- The largest power of two of microseconds that is at most 1/128 of the period. Slots do not cross its multiples.
local function cell_of(period)
  local _, exponent = math.frexp(math.max(period / 128, 1))
  return 2 ^ (exponent - 1)
end

-- The entries from..upto as slots, merged where they share a cell: of the shortest period while they matter to it, of
-- the longest afterwards. Merging is dropping all but the last, which has the latest time and the total.
local function merged(log, from, upto)
  local fine, coarse = cell_of(log.shortest), cell_of(log.longest)
  local slots, size, cell = {}, nil, nil
  for i = from, upto do
    local since = age(log, i)
    local own_size = since >= log.shortest and coarse or fine
    local own_cell = math.floor((log.now - since) / own_size)
    if own_size ~= size or own_cell ~= cell then slots[#slots + 1] = '' end
    size, cell = own_size, own_cell
    slots[#slots] = struct.pack('<I6I7', (log.now - since) % TIMES, total(log, i))
  end
  return table.concat(slots)
end

-- Writes `entries` behind the first `keep` entries: in place if there is room, else anew without what is forgotten.
local function write(key, log, known, keep, entries, added)
  local expires_at = math.ceil((log.now + log.longest) / 1000) -- in milliseconds; never early
  local count = keep + added
  if known and count > SHORT and log.start + count * log.width <= #log.value then
    redis.call('SETRANGE', key, log.start + keep * log.width, entries)
    if count ~= log.count then redis.call('SETRANGE', key, COUNT_AT, struct.pack('<I2', count)) end
    redis.call('PEXPIREAT', key, expires_at)
    return
  end

  local drop, was_exact = 0, log.exact
  local before = { log.start, log.width }
  local kept, base = '', log.base
  if keep > 0 then
    drop = math.min(gone(log, log.longest), keep)
    local slotted = log.largest > EXACT_CALLS
    if not slotted then drop = math.max(drop, count - log.largest) end
    base = total(log, drop)
    if slotted and (was_exact or keep - drop >= MAX_SLOTS) then
      kept = merged(log, drop + 1, keep)
    else
      kept = string.sub(log.value, before[1] + drop * before[2] + 1, before[1] + keep * before[2])
    end
  end
  set_form(log)
  count = #kept / log.width + added
  local room = count > SHORT and math.ceil(count / 8) or 0
  redis.call('SET', key, struct.pack('<I5I5I5I2', log.largest, log.shortest, log.longest, count)
    .. (log.exact and '' or struct.pack('<I7', base)) .. kept .. entries .. string.rep('\0', room * log.width),
    'PXAT', expires_at)
end

local function admit(key, log, calls, period, cost)
  local largest, shortest, longest = log.largest, log.shortest, log.longest
  log.largest, log.shortest, log.longest =
    math.max(largest, calls), math.min(shortest, period), math.max(longest, period)
  local known = log.largest == largest and log.shortest == shortest and log.longest == longest
  local time = log.now % TIMES
  if log.largest <= EXACT_CALLS then
    return write(key, log, known, log.count, string.rep(struct.pack('<I6', time), cost), cost)
  end

  local keep, cell = log.count, cell_of(log.shortest)
  if keep > 0 and math.floor((log.now - age(log, keep)) / cell) == math.floor(log.now / cell) then
    keep = keep - 1 -- the newest slot takes this call in
  end
  local slot = struct.pack('<I6I7', time, (total(log, log.count) + cost) % TOTALS)
  return write(key, log, known, keep, slot, 1)
end

-- Returns allowed, remaining, retry_after, reset_after.
local function check(key, calls, period, cost)
  local log = load(key)
  local lag = log.now - clock
  local now_total = total(log, log.count)
  local used = (now_total - total(log, gone(log, period))) % TOTALS
  local remaining = math.max(calls - used, 0)
  local reset_after = used > 0 and period - age(log, log.count) + lag or 0
  local wanted = math.max(cost, 1)

  if wanted > remaining then
    if wanted > calls then return 0, remaining, reset_after, reset_after end
    -- The entry whose leaving makes room: the one that holds the (calls - wanted + 1)-th newest admission.
    local oldest = total(log, 0)
    local rank = (now_total - oldest) % TOTALS - (calls - wanted)
    local entry = first(log.count, function(i) return (total(log, i) - oldest) % TOTALS >= rank end)
    return 0, remaining, period - age(log, entry) + lag, reset_after
  end
  if cost == 0 then return 1, remaining, 0, reset_after end

  admit(key, log, calls, period, cost)
  return 1, remaining - cost, 0, period + lag
end

local result, at, key = {}, 1, 0
while at <= #ARGV[1] do
  local checks, decided, allowed = 0, 0, 1
  checks, at = struct.unpack('<I4', ARGV[1], at)
  local heading = #result + 1
  result[heading] = 0
  for i = 1, checks do
    local calls, period, cost, after = struct.unpack('<I5I5I5', ARGV[1], at)
    at = after
    if allowed == 1 then
      local remaining, retry_after, reset_after
      allowed, remaining, retry_after, reset_after = check(KEYS[key + i], calls, period, cost)
      local filled = #result
      result[filled + 1], result[filled + 2] = allowed, remaining
      result[filled + 3], result[filled + 4] = retry_after, reset_after
      decided = i
    end
  end
  result[heading] = decided
  key = key + checks
end
return result
