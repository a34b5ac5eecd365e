-- Takes admissions back as if they had not been. `Window::refund` in Lua. Stands behind log.lua.
--
-- KEYS[1]  the counter
-- ARGV[1]  packed, little-endian: how many (6 bytes), and of which: 0 the newest, 1 those of the last microseconds that
--          follow, 2 those recorded since the time that follows (1 byte, then 8)
-- ARGV[2]  tests only: the time in microseconds, used instead of TIME
-- Result   how many were taken back
--
-- It writes the log as a whole: refunds are rare. The key expires when it would have, which is never too early.

local function is_older(log, i, bound)
  return age(log, i) > bound
end

local units, which, moment = unpack('<I6I1I8', ARGV[1])
local log = load(KEYS[1], call('GETRANGE', KEYS[1], '0', SHORT_READ))
if log.count == 0 then return 0 end
local since = which == 1 and clock - moment or which == 2 and moment or nil
-- What was admitted that long ago may have left: then somebody else's would be taken.
if since and since + log.longest <= log.now - log.ahead then return 0 end
if log.places > 0 then log.part, log.from = call('GET', KEYS[1]), 0 end

local drop = last(log, log.left, has_left, log.longest)
local base = total(log, drop)
local counting = (log.total - base) % TOTALS
local before = counting
if since then
  local holder = max(last(log, drop, is_older, log.now - since), drop)
  before = (total(log, holder) - base) % TOTALS
end
units = min(units, counting)
if units == counting then
  call('DEL', KEYS[1])
  return units
end

-- The units taken are those after the first `first`.
local first, kept = min(before, counting - units), {}
if log.exact then
  local at = log.start + drop * log.width
  kept[1] = sub(log.part, at + 1, at + first * log.width)
  kept[2] = sub(log.part, at + (first + units) * log.width + 1, at + counting * log.width)
else
  local previous = 0
  for i = drop + 1, log.count do
    local nth = (total(log, i) - base) % TOTALS
    nth = nth - min(max(nth - first, 0), units)
    if nth > previous then
      kept[#kept + 1] = pack('<I6I7', (log.now - age(log, i)) % TIMES, (base + nth) % TOTALS)
    end
    previous = nth
  end
end
local entries = table.concat(kept)
local newest = unpack('<I6', entries, #entries - log.width + 1)
log.base, log.total, log.left = base, (base + counting - units) % TOTALS, 0
call('SET', KEYS[1], written(log, entries, '', newest), 'KEEPTTL')
return units
