-- What every script begins with: names, the format's constants, the time.
--
-- A script is one text, put together from these files (see script.rs and one_key.rs). Redis runs all of it for every
-- call, so what stands at its top is paid by every call: each local function takes 0.1 us.

local spread = unpack -- a table's values
local call, pack, unpack = redis.call, struct.pack, struct.unpack
local find, format, rep, sub = string.find, string.format, string.rep, string.sub
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

local EXACT_CALLS = 1000
local HEADER, FIRST = 16, 17 -- a log's header, and where what follows it begins
local LONG_STATE, SLOTTED_STATE, STATE_AT = 112, 26, '16' -- what stands between header and entries, and where
local TIMES, TOTALS = 2 ^ 48 - 1, 2 ^ 53
local SHORT, SHORT_READ = 32, '237' -- HEADER + 6 * (SHORT + 5), less one: the whole of any short log
local WHOLE = 100     -- calls of a limit whose logs are read as a whole, however long
local ENDS = 8        -- entries in the state of a long log: so many that leave next, and up to so many that came last
local LAST_AT = FIRST + 16              -- where those that came last stand in it
local NEXT_AT = LAST_AT + 6 * ENDS      -- where those that leave next stand in it
local AROUND = 64     -- bytes read before and after an entry that is looked up in a long log
local MAX_SLOTS = 640 -- twice what two periods need, so that coarsening is rare

local FREE = rep('\255', 6)        -- an entry that is none: no time is TIMES
local FREE_AHEAD = rep('\255', 11) -- holds a whole free entry, wherever between two it begins

local NO_COUNTER = 'something that is no counter stands under the name of one'

local clock = tonumber(ARGV[2])
if not clock then
  local time = call('TIME')
  clock = time[1] * 1000000 + time[2]
end
local stamp = pack('<I6', clock % TIMES)

-- The first admission in every quarter of a period says how long the key lives: long enough for any other admission in
-- that quarter, which does not have to say so again. The quarter's length, and how much of the current one is over.
local function quarter(period, now)
  local length = ceil(period / 4)
  return length, now % length
end

-- When a key may expire whose newest admission is at `now`, in milliseconds.
local function expiry(now, longest)
  local length, over = quarter(longest, now)
  return format('%d', ceil((now - over + length + longest) / 1000))
end
