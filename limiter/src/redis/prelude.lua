-- What every script begins with: names, the format's constants, the time.
--
-- A script is one text, put together from these files (see script.rs and one_key.rs). Redis runs all of it for every
-- call, so what stands at its top is paid by every call: each local function takes 0.1 us.

local spread = unpack -- a table's values
local call, pack, unpack = redis.call, struct.pack, struct.unpack
local byte, find, format, rep, sub = string.byte, string.find, string.format, string.rep, string.sub
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

local EXACT_CALLS = 1000
local HEADER, STATE, STATE_AT = 16, 32, '16' -- sizes of a log's parts, and where the state stands
local TIMES, TOTALS = 2 ^ 48, 2 ^ 53
local SHORT, SHORT_READ = 32, '207' -- HEADER + 6 * SHORT, less one: the whole of any short log
local WHOLE = 100     -- calls of a limit whose logs are read as a whole, however long
local AROUND = 64     -- bytes read before and after an entry that is looked up in a long log
local MAX_SLOTS = 640 -- twice what two periods need, so that coarsening is rare

local NO_COUNTER = 'something that is no counter stands under the name of one'

local clock = tonumber(ARGV[2])
if not clock then
  local time = call('TIME')
  clock = time[1] * 1000000 + time[2]
end
local stamp = pack('<I6', clock % TIMES)

-- When a key may expire if its newest admission is at `now`, in milliseconds; never early.
local function expiry(now, longest)
  return format('%d', ceil((now + longest) / 1000))
end

-- How much longer a log lives that is written in place, so that not every admission has to say so.
local function spare(longest)
  return ceil(longest / 32)
end
