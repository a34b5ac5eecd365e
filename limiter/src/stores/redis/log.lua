-- A counter's format, reading and writing one: what leases, refunds and checks out of the ordinary have in common.
-- Stands behind prelude.lua.
--
-- A counter is one string: a header, then a log of entries, oldest first.
--   header  form (1 byte), largest calls, shortest period, longest period that admitted (5 bytes each)
--   'E'     exact, short: the time of every admission (6 bytes), then room for more, all of it FREE; the last place stays
--           free, so that two entries can be read wherever there is one
--   'L'     exact, longer than SHORT: a state, then entries as above, then room for more
--   'S'     slotted, for more than EXACT_CALLS: a state, then one entry per slot, the time of its latest admission (6)
--           and the total up to and including it (7), then room for more
--   state   entries (2), how many of them had left the window last time, which is where to look first (2), time of the
--           newest (6);
--           of 'L' how many entries stand in their place (2), how many have a place (2), the number of an entry, from 0 (2);
--           then those that have not been put in their place yet, up to ENDS, and ENDS entries from that number on once more:
--           those that leave next;
--           of 'S' how many entries have a place (2), the total before the first entry (7), the total (7)
-- An admission of a slotted log may have been taken ahead: then its time is still to come, by no more than ahead_of the
-- longest period. window.rs says why that keeps the promise.
-- Times are kept modulo TIMES (nine years), totals modulo 2^53 (a Lua number holds no more).
--
-- What things cost decides how it is done. In instructions of Redis, of which 1,000 take 0.1 to 0.2 us: a command called
-- from here 4,500 (SETRANGE, APPEND), 5,000 (GETRANGE, GET, PEXPIREAT) or 12,000 (SET with an expiry), in MGET 3,500 a key;
-- a number turned into text 1,600, a function of Lua's library 700, of which `unpack` takes 300 more and for every further
-- number 260; 9 for each byte of a string, every time it is made; 46 for a step of the Lua machine, of which a line has
-- about five. So logs that are short are read together and written in place, without a table and without a state. Of a
-- longer one only the state is read, and what is added is written in place; when its room is used up it is written anew
-- without what has been forgotten.

-- The most that an admission may be recorded ahead of time under limits of this period.
local function ahead_of(period)
  return min(floor(period / 1024), 100000)
end

-- A string that holds the i-th oldest entry, and where in it.
local function entry(log, i)
  local at = log.start + (i - 1) * log.width
  if at < log.from or at + log.width > log.from + #log.part then
    log.from = max(at - AROUND, 0)
    log.part = call('GETRANGE', log.key, format('%d', log.from), format('%d', at + AROUND))
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
  return age(log, i) >= period + log.ahead
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
  return { key = key, part = '', from = 0, start = HEADER, width = 6, exact = true, now = clock, ahead = 0, idle = 0,
    count = 0, left = 0, places = 0, base = 0, total = 0, largest = 0, shortest = math.huge, longest = 0, memory = 0 }
end

-- How many entries a short log has.
local function count_of(log)
  local free = find(log, FREE_AHEAD, FIRST, true) or #log - 5
  return ceil((free - FIRST) / 6)
end

-- What is known of a key, of which `part` is the beginning: nothing once its last admission has left the longest period.
local function load(key, part)
  if part == '' then return empty(key) end
  local form, largest, shortest, longest = unpack('<c1I5I5I5', part)
  local exact, start, width = form ~= 'S', HEADER, 6
  local count, left, places, newest, base, total = 0, 0, 0, 0, 0, 0
  if form == 'E' then
    count = count_of(part)
    newest = unpack('<I6', part, HEADER + 6 * count - 5)
  elseif form == 'L' then
    local placed
    count, left, newest, placed, places = unpack('<I2I2I6I2I2', part, FIRST)
    start = HEADER + LONG_STATE
    if placed < count then
      local rest = sub(part, LAST_AT, LAST_AT + 6 * (count - placed) - 1)
      call('SETRANGE', key, format('%d', start + 6 * placed), rest)
      part = '' -- is not what it was
    end
  elseif form == 'S' then
    count, left, newest, places, base, total = unpack('<I2I2I6I2I7I7', part, FIRST)
    start, width = HEADER + SLOTTED_STATE, 13
  else
    error(NO_COUNTER)
  end
  if exact then total = count end
  -- Time never runs backwards for a key: a clock behind the newest entry waits there, unless that was taken ahead. `now`
  -- is never before the newest entry; the key's own time is `ahead` before it.
  local now, ahead, idle = clock, 0, (clock - newest) % TIMES
  if idle >= TIMES / 2 then idle = idle - TIMES end
  if idle >= longest then return empty(key) end
  if idle < 0 then
    if not exact then ahead = min(-idle, ahead_of(longest)) end
    now, idle = clock - idle, 0
  end
  -- What had left when the newest entry came is forgotten, for longer periods too, whether it still stands there or not.
  local memory = longest + idle
  return { key = key, part = part, from = 0, start = start, width = width, exact = exact,
    now = now, ahead = ahead, idle = idle,
    count = count, left = left, places = places, base = base, total = total,
    largest = largest, shortest = shortest, longest = longest, memory = memory }
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
    local own_size = since >= log.shortest + log.ahead and coarse or fine
    local own_cell = floor((log.now - since) / own_size)
    if own_size ~= size or own_cell ~= cell then slots[#slots + 1] = '' end
    size, cell = own_size, own_cell
    slots[#slots] = pack('<I6I7', (log.now - since) % TIMES, total(log, i))
  end
  return table.concat(slots)
end

-- Writes `entries` behind the first `keep` ones, in place. `left` entries have left the window.
local function write_in_place(log, keep, entries, left)
  local key, now = log.key, log.now
  call('SETRANGE', key, format('%d', log.start + keep * log.width), entries)
  local count = keep + #entries / log.width
  local state = pack('<I2I2I6I2', count, left, now % TIMES, log.exact and count or log.places)
  if not log.exact then state = state .. pack('<I7I7', log.base, log.total) end
  call('SETRANGE', key, STATE_AT, state)
  local _, over = quarter(log.longest, now)
  if log.idle > over then call('PEXPIREAT', key, expiry(now, log.longest)) end
end

-- A log of the entries `kept` and `added`, of which the newest is of this time, as a whole. Long strings are put together
-- once.
local function written(log, kept, added, newest)
  local slotted = log.largest > EXACT_CALLS
  local width = slotted and 13 or 6
  local count = (#kept + #added) / width
  local short = not slotted and count <= SHORT
  local header = pack('<c1I5I5I5', short and 'E' or slotted and 'S' or 'L', log.largest, log.shortest, log.longest)
  if short then return header .. kept .. added .. FREE end
  local room = ceil(count / (slotted and 8 or 4))
  local state = pack('<I2I2I6', count, log.left, newest)
  if slotted then
    state = state .. pack('<I2I7I7', count + room, log.base, log.total)
  else
    local first = min(log.left, count - ENDS)
    local leaving = sub(kept, 6 * first + 1, 6 * (first + ENDS))
    leaving = leaving .. sub(added, 1, 6 * ENDS - #leaving)
    state = state .. pack('<I2I2I2', count, count + room, first) .. rep('\0', 6 * ENDS) .. leaving
  end
  return header .. state .. kept .. added .. rep('\0', room * width)
end

-- Writes the whole log anew: the first `keep` entries, less what has been forgotten, and `entries`.
local function write_anew(log, keep, entries, left)
  if log.places > 0 then log.part, log.from = call('GET', log.key), 0 end
  local slotted = log.largest > EXACT_CALLS
  local drop = min(last(log, left, has_left, min(log.longest, log.memory)), keep)
  if not slotted then drop = max(drop, keep + #entries / 6 - log.largest) end
  local base, kept = total(log, drop), nil
  if slotted and keep > 0 and (log.exact or keep - drop >= MAX_SLOTS) then
    kept, left = merged(log, drop + 1, keep), drop
  else
    kept = sub(log.part, log.start + drop * log.width + 1, log.start + keep * log.width)
  end

  log.base, log.left = base, max(left - drop, 0)
  call('SET', log.key, written(log, kept, entries, log.now % TIMES), 'PXAT', expiry(log.now, log.longest))
end

-- Adds `cost` admissions under a limit; `left` entries have left its window.
local function admit(log, calls, period, cost, left)
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
  local in_place = same and keep + #entries / log.width <= log.places
  return (in_place and write_in_place or write_anew)(log, keep, entries, left)
end
