-- Decides ordered lists of checks. Each check is an exact sliding window over one key; the first refusal ends its
-- list, and what stands after it is neither evaluated nor charged.
--
-- KEYS     one counter per check, list after list
-- ARGV[1]  packed, little-endian: for each check its kind, counted from 0 (3 bytes), for the first of a list plus 2^23;
--          then the kinds, each its calls (5 bytes), its period in microseconds (5) and its cost (6, signed)
-- ARGV[2]  tests only: the time in microseconds, used instead of TIME
-- Result   integers for each check that was decided: what remains, if it was admitted and everything will be available
--          again in a period; otherwise -1 if it was allowed or -2 if it was refused, then remaining, retry_after,
--          reset_after (both in microseconds)
--
-- Atomic because Redis runs nothing else while a script runs: no check sees a counter between another's reading and
-- writing it. Replicas and the append-only file get the writes, not the script, so they never read another time.
--
-- A counter is one string: a header, then a log of entries, oldest first.
--   header  form (1 byte), largest calls, shortest period, longest period that admitted (5 bytes each)
--   'E'     exact, at most SHORT entries: the time of every admission (6 bytes)
--   'L'     exact, longer: a state, then entries as above, then room for more
--   'S'     slotted, for more than EXACT_CALLS: a state, then one entry per slot, the time of its latest admission (6)
--           and the total up to and including it (7), then room for more
--   state   entries (2), how many of them had left the window last time, which is where to look first (2), entries
--           there is room for (2), time of the newest (6), total before the first entry (7), total (7)
-- Times are kept modulo 2^48 microseconds (nine years), totals modulo 2^53 (a Lua number holds no more).
--
-- What things cost decides how it is done. A command called from here takes 0.5 to 1.5 us, and so does a number that
-- becomes text for it; a string costs 2 ns per byte each time it is made, a table 0.4 us. So a short log is read and
-- written as a whole, with two commands and no table. Of a longer one only what is needed is read, and what is added is
-- written in place; when its room is used up it is written anew without what has been forgotten.

local call, pack, unpack = redis.call, struct.pack, struct.unpack
local byte, find, format, rep, sub = string.byte, string.find, string.format, string.rep, string.sub
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

local EXACT_CALLS = 1000
local HEADER, STATE, STATE_AT = 16, 26, '16' -- sizes of a log's parts, and where the state stands
local TIMES, TOTALS = 2 ^ 48, 2 ^ 53
local SHORT, SHORT_READ = 32, '207' -- HEADER + 6 * SHORT, less one: the whole of any short log
local AROUND = 64     -- bytes read before and after an entry that is looked up in a long log
local MAX_SLOTS = 640 -- twice what two periods need, so that coarsening is rare

local clock = tonumber(ARGV[2])
if not clock then
  local time = call('TIME')
  clock = time[1] * 1000000 + time[2]
end
local stamp = pack('<I6', clock % TIMES)

-- When a key may expire if its newest admission is at `now`, in milliseconds; never early.
local function expiry(now, longest)
  return format('%.0f', ceil((now + longest) / 1000))
end

-- LONG LOGS, AND EVERYTHING OUT OF THE ORDINARY --------------------------------------------------------------------

-- A string that holds the i-th oldest entry, and where in it.
local function entry(log, i)
  local at = log.start + (i - 1) * log.width
  if at < log.from or at + log.width > log.from + #log.part then
    log.from = max(at - AROUND, 0)
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

local function has_left(log, i, period)
  return age(log, i) >= period
end

local function is_before(log, i, count)
  return (total(log, i) - log.base) % TOTALS < count
end

-- The last i for which holds(log, i, bound), which is true up to some i and false from there on: looked for from a
-- guess outwards.
local function last(log, guess, holds, bound)
  local low, high, i, step = 0, log.count, guess, 1
  while low < high do
    if i == 0 or holds(log, i, bound) then
      low, i = i, i + step
      if i > high then break end
      if not holds(log, i, bound) then high = i - 1 break end
    else
      high, i = i - 1, i - step
      if i < 1 then break end
      if holds(log, i, bound) then low = i break end
    end
    step = step * 2
  end
  while low < high do
    local middle = ceil((low + high) / 2)
    if holds(log, middle, bound) then low = middle else high = middle - 1 end
  end
  return low
end

local function empty(key)
  return { key = key, part = '', from = 0, start = HEADER, width = 6, exact = true, now = clock, idle = 0,
    count = 0, left = 0, places = 0, base = 0, total = 0, largest = 0, shortest = math.huge, longest = 0 }
end

-- What is known of a key, of which `part` is the beginning: nothing once its last admission has left the longest period.
local function load(key, part)
  if part == '' then return empty(key) end
  local form, largest, shortest, longest = unpack('<c1I5I5I5', part)
  local exact, start, width = form ~= 'S', HEADER, 6
  local count, left, places, newest, base, total = 0, 0, 0, 0, 0, 0
  if form == 'E' then
    count = (#part - HEADER) / 6
    newest, total = unpack('<I6', part, #part - 5), count
  elseif form == 'L' or form == 'S' then
    count, left, places, newest, base, total = unpack('<I2I2I2I6I7I7', part, HEADER + 1)
    start, width = HEADER + STATE, exact and 6 or 13
  else
    error('something that is no counter stands under the name of one')
  end
  -- Time never runs backwards for a key: a clock behind the newest entry waits there.
  local now, idle = clock, (clock - newest + TIMES / 2) % TIMES - TIMES / 2
  if idle >= longest then return empty(key) end
  if idle < 0 then now, idle = clock - idle, 0 end
  return { key = key, part = part, from = 0, start = start, width = width, exact = exact, now = now, idle = idle,
    count = count, left = left, places = places, base = base, total = total,
    largest = largest, shortest = shortest, longest = longest }
end

-- The largest power of two of microseconds that is at most 1/128 of the period. Slots do not cross its multiples.
local function cell_of(period)
  local _, exponent = math.frexp(max(period / 128, 1))
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
    local own_cell = floor((log.now - since) / own_size)
    if own_size ~= size or own_cell ~= cell then slots[#slots + 1] = '' end
    size, cell = own_size, own_cell
    slots[#slots] = pack('<I6I7', (log.now - since) % TIMES, total(log, i))
  end
  return table.concat(slots)
end

-- Writes `entries` behind the first `keep` ones, in place. `left` entries have left the window.
local function write_in_place(log, keep, entries, left, expires)
  local key = log.key
  call('SETRANGE', key, log.start + keep * log.width, entries)
  call('SETRANGE', key, STATE_AT, pack('<I2I2I2I6I7I7', keep + #entries / log.width, left, log.places,
    log.now % TIMES, log.base, log.total))
  call('PEXPIREAT', key, expires)
end

-- Writes the whole log anew: the first `keep` entries, less what has been forgotten, and `entries`.
local function write_anew(log, keep, entries, left, expires)
  if log.places > 0 then log.part, log.from = call('GET', log.key), 0 end
  local slotted = log.largest > EXACT_CALLS
  local drop = min(last(log, left, has_left, log.longest), keep)
  if not slotted then drop = max(drop, keep + #entries / 6 - log.largest) end
  local base, kept = total(log, drop), nil
  if slotted and keep > 0 and (log.exact or keep - drop >= MAX_SLOTS) then
    kept, left = merged(log, drop + 1, keep), drop
  else
    kept = sub(log.part, log.start + drop * log.width + 1, log.start + keep * log.width)
  end

  local width = slotted and 13 or 6
  local count = (#kept + #entries) / width
  local short = not slotted and count <= SHORT
  local header = pack('<c1I5I5I5', short and 'E' or slotted and 'S' or 'L', log.largest, log.shortest, log.longest)
  if short then
    call('SET', log.key, header .. kept .. entries, 'PXAT', expires)
  else
    local places = count + ceil(count / 8)
    if not slotted then base, log.total = 0, count end
    local state = pack('<I2I2I2I6I7I7', count, max(left - drop, 0), places, log.now % TIMES, base, log.total)
    call('SET', log.key, header .. state .. kept .. entries .. rep('\0', (places - count) * width), 'PXAT', expires)
  end
end

local function admit(log, kind, left)
  local calls, period, cost = kind.calls, kind.period, kind.cost
  local same = calls <= log.largest and period >= log.shortest and period <= log.longest
  if not same then
    log.largest, log.shortest, log.longest =
      max(log.largest, calls), min(log.shortest, period), max(log.longest, period)
  end
  local time = log.now == clock and stamp or pack('<I6', log.now % TIMES)
  local keep, entries = log.count, nil
  log.total = (log.total + cost) % TOTALS
  if log.largest <= EXACT_CALLS then
    entries = rep(time, cost)
  else
    local cell = cell_of(log.shortest)
    if keep > 0 and floor((log.now - log.idle) / cell) == floor(log.now / cell) then
      keep = keep - 1 -- the newest slot takes this call in
    end
    entries = time .. pack('<I7', log.total)
  end
  local usual = log.now == clock and log.longest == period
  local expires = usual and kind.expires or expiry(log.now, log.longest)
  local in_place = same and keep + #entries / log.width <= log.places
  return (in_place and write_in_place or write_anew)(log, keep, entries, left, expires)
end

-- Decides a check of any kind on any log, of which `part` is the beginning.
local function check_any(key, kind, part)
  local calls, period, cost = kind.calls, kind.period, kind.cost
  local log = load(key, part)
  local lag = log.now - clock
  local left = last(log, log.left, has_left, period)
  local used = (log.total - total(log, left)) % TOTALS
  local remaining = max(calls - used, 0)
  local reset_after = used > 0 and period - log.idle + lag or 0
  local wanted = max(cost, 1)

  if wanted > remaining then
    if wanted > calls then return 0, remaining, reset_after, reset_after end
    -- The entry whose leaving makes room is the one with the (calls - wanted + 1)-th newest admission.
    local before = (log.total - log.base) % TOTALS - (calls - wanted)
    local stays = last(log, left, is_before, before)
    return 0, remaining, period - age(log, stays + 1) + lag, reset_after
  end
  if cost == 0 then return 1, remaining, 0, reset_after end

  admit(log, kind, left)
  return 1, remaining - cost, 0, period + lag
end

-- THE ORDINARY: A SHORT LOG OF ONE LIMIT ---------------------------------------------------------------------------

-- Decides a check on a key that is fresh, or has a short log that this limit alone has written. What check_any would
-- answer, without its tables.
local function check_short(key, kind, log)
  local calls, period, cost = kind.calls, kind.period, kind.cost
  local oldest, used, reset_after = HEADER + 1, 0, 0 -- oldest: where the first entry stands that has not left
  if log ~= '' then
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
  call('SET', key, log, 'PXAT', kind.expires)
  return 1, remaining - cost, 0, period
end

-- THE LISTS --------------------------------------------------------------------------------------------------------

local packed, kinds = ARGV[1], {}
for at = 3 * #KEYS + 1, #packed, 16 do
  local calls, period, cost = unpack('<I5I5i6', packed, at)
  kinds[#kinds + 1] = { calls = calls, period = period, cost = cost, exact = calls <= EXACT_CALLS,
    header = pack('<c1I5I5I5', 'E', calls, period, period), expires = expiry(clock, period) }
end

local result, filled, allowed = {}, 0, 1
for i, key in ipairs(KEYS) do
  local low, middle, high = byte(packed, 3 * i - 2, 3 * i)
  if high >= 128 then high, allowed = high - 128, 1 end
  if allowed == 1 then
    local kind = kinds[low + 256 * middle + 65536 * high + 1]
    local part = call('GETRANGE', key, '0', SHORT_READ)
    local short = kind.exact and (part == '' or find(part, kind.header, 1, true) == 1)
    local remaining, retry_after, reset_after
    allowed, remaining, retry_after, reset_after = (short and check_short or check_any)(key, kind, part)
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
return result
