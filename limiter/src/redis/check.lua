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
--   header   largest calls, shortest period, longest period that admitted (5 bytes each), number of entries (2)
--   exact    (largest calls up to EXACT_CALLS) one entry per admission: its time (6 bytes)
--   slotted  (above) before the entries the total so far (7 bytes); one entry per slot: the time of its latest
--            admission (6 bytes), the total up to and including it (7 bytes)
--   long     (more than SHORT entries, after all of the header) how many entries had left the window last time (2):
--            where to look first next time
-- Times are kept modulo 2^48 microseconds (nine years), totals modulo 2^53 (a Lua number holds no more).
--
-- A short log is read and written as a whole. Of a long one only what is needed is read, and what is added is written
-- in place; when its room is used up it is written anew without what has been forgotten.

local call, pack, unpack = redis.call, struct.pack, struct.unpack
local EXACT_CALLS = 1000
local HEADER, COUNT_AT, BASE, HINT = 17, 15, 7, 2 -- sizes of the header's parts; COUNT_AT: where that number stands
local TIMES, TOTALS = 2 ^ 48, 2 ^ 53
local SHORT = 32
local SHORT_READ = '441' -- HEADER + BASE + HINT + SHORT slots, less one: the whole of any short log
local AROUND = 64        -- bytes read before and after an entry that is looked up in a long log
local MAX_SLOTS = 640    -- twice what two periods need, so that coarsening is rare

local clock = tonumber(ARGV[2])
if not clock then
  local time = call('TIME')
  clock = time[1] * 1000000 + time[2]
end

-- A string that holds the i-th oldest entry, and where in it.
local function entry(log, i)
  local at = log.start + (i - 1) * log.width
  if at < log.from or at + log.width > log.from + #log.part then
    log.from = math.max(at - AROUND, 0)
    log.part = call('GETRANGE', log.key, log.from, at + AROUND)
  end
  return log.part, at - log.from + 1
end

-- Microseconds since the i-th oldest entry.
local function age(log, i)
  return (log.now - unpack('<I6', entry(log, i))) % TIMES
end

-- The running total after the i oldest entries.
local function total(log, i)
  if log.exact then return i end
  if i == 0 then return log.base end
  local part, at = entry(log, i)
  return (unpack('<I7', part, at + 6))
end

-- The last i for which holds(i), which is true up to some i and false from there on: looked for from a guess outwards.
local function last(count, guess, holds)
  local low, high, i, step = 0, count, guess, 1
  while low < high do
    if i == 0 or holds(i) then
      low, i = i, i + step
      if i > high then break end
      if not holds(i) then high = i - 1 break end
    else
      high, i = i - 1, i - step
      if i < 1 then break end
      if holds(i) then low = i break end
    end
    step = step * 2
  end
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if holds(middle) then low = middle else high = middle - 1 end
  end
  return low
end

-- How many entries are older than the period, or as old.
local function gone(log, period)
  return last(log.count, log.hint, function(i) return age(log, i) >= period end)
end

local function set_form(log)
  log.exact = log.largest <= EXACT_CALLS
  log.long = log.count > SHORT
  log.start = HEADER + (log.exact and 0 or BASE) + (log.long and HINT or 0)
  log.width = log.exact and 6 or 13
end

local function empty(key)
  local log = { key = key, part = '', from = 0, now = clock, count = 0, hint = 0, base = 0,
    largest = 0, shortest = math.huge, longest = 0 }
  set_form(log)
  return log
end

-- What is known of a key: nothing once its last admission has left the longest period.
local function load(key)
  local part = call('GETRANGE', key, '0', SHORT_READ)
  if part == '' then return empty(key) end
  local log = { key = key, part = part, from = 0, now = clock, hint = 0, base = 0 }
  log.largest, log.shortest, log.longest, log.count = unpack('<I5I5I5I2', part)
  set_form(log)
  if not log.exact then log.base = unpack('<I7', part, HEADER + 1) end
  if log.long then log.hint = unpack('<I2', part, log.start - HINT + 1) end
  -- Time never runs backwards for a key: a clock behind the newest entry waits there.
  local since = (age(log, log.count) + TIMES / 2) % TIMES - TIMES / 2
  if since >= log.longest then return empty(key) end
  if since < 0 then log.now = clock - since end
  log.newest = math.max(since, 0)
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
    slots[#slots] = pack('<I6I7', (log.now - since) % TIMES, total(log, i))
  end
  return table.concat(slots)
end

-- Writes `entries` behind the first `keep` ones. `left` entries have left the window. `same`: the header stays.
local function write(log, keep, entries, left, same)
  local key, width, exact = log.key, log.width, log.exact
  local expires_at = math.ceil((log.now + log.longest) / 1000) -- in milliseconds; never early
  local stop = log.start + keep * width + #entries
  if same and log.long and stop <= call('STRLEN', key) then
    local count = keep + #entries / width
    call('SETRANGE', key, log.start + keep * width, entries)
    if count ~= log.count or left ~= log.hint then
      call('SETRANGE', key, COUNT_AT, pack('<I2', count))
      call('SETRANGE', key, log.start - HINT, pack('<I2', left))
    end
    call('PEXPIREAT', key, expires_at)
    return
  end

  if log.long then log.part, log.from = call('GET', key), 0 end
  local slotted = log.largest > EXACT_CALLS
  local drop = keep > 0 and math.min(gone(log, log.longest), keep) or 0
  if not slotted then drop = math.max(drop, keep + #entries / 6 - log.largest) end
  local base, kept = total(log, drop), nil
  if slotted and keep > 0 and (exact or keep - drop >= MAX_SLOTS) then
    kept, left = merged(log, drop + 1, keep), drop
  else
    kept = string.sub(log.part, log.start + drop * width + 1, log.start + keep * width)
  end
  log.count = (#kept + #entries) / (slotted and 13 or 6)
  set_form(log)
  call('SET', key, pack('<I5I5I5I2', log.largest, log.shortest, log.longest, log.count)
    .. (slotted and pack('<I7', base) or '') .. (log.long and pack('<I2', math.max(left - drop, 0)) or '')
    .. kept .. entries .. (log.long and string.rep('\0', math.ceil(log.count / 8) * log.width) or ''),
    'PXAT', expires_at)
end

local function admit(log, calls, period, cost, left)
  local largest, shortest, longest = log.largest, log.shortest, log.longest
  local same = calls <= largest and period >= shortest and period <= longest
  log.largest, log.shortest, log.longest =
    math.max(largest, calls), math.min(shortest, period), math.max(longest, period)
  local time = pack('<I6', log.now % TIMES)
  if log.largest <= EXACT_CALLS then return write(log, log.count, string.rep(time, cost), left, same) end

  local keep, cell = log.count, cell_of(log.shortest)
  local slot = time .. pack('<I7', (total(log, log.count) + cost) % TOTALS)
  if keep > 0 and math.floor((log.now - log.newest) / cell) == math.floor(log.now / cell) then
    keep = keep - 1 -- the newest slot takes this call in
  end
  return write(log, keep, slot, left, same)
end

-- Returns allowed, remaining, retry_after, reset_after.
local function check(key, calls, period, cost)
  local log = load(key)
  local lag = log.now - clock
  local newest_total = total(log, log.count)
  local left = gone(log, period)
  local used = (newest_total - total(log, left)) % TOTALS
  local remaining = math.max(calls - used, 0)
  local reset_after = used > 0 and period - log.newest + lag or 0
  local wanted = math.max(cost, 1)

  if wanted > remaining then
    if wanted > calls then return 0, remaining, reset_after, reset_after end
    -- The entry whose leaving makes room is the one with the (calls - wanted + 1)-th newest admission.
    local base = total(log, 0)
    local before = (newest_total - base) % TOTALS - (calls - wanted)
    local stays = last(log.count, left, function(i) return (total(log, i) - base) % TOTALS < before end)
    return 0, remaining, period - age(log, stays + 1) + lag, reset_after
  end
  if cost == 0 then return 1, remaining, 0, reset_after end

  admit(log, calls, period, cost, left)
  return 1, remaining - cost, 0, period + lag
end

local result, at, key = {}, 1, 0
while at <= #ARGV[1] do
  local checks, decided, allowed = 0, 0, 1
  checks, at = unpack('<I4', ARGV[1], at)
  local heading = #result + 1
  result[heading] = 0
  for i = 1, checks do
    local calls, period, cost, after = unpack('<I5I5I5', ARGV[1], at)
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
