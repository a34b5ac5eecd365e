-- Admits calls of a slotted key ahead: up to `wanted`, but no more than a share of what is left. `Window::lease` in Lua.
-- Stands behind log.lua.
--
-- KEYS[1]  the counter
-- ARGV[1]  packed, little-endian: calls (more than EXACT_CALLS), period in microseconds, wanted (5 bytes each)
-- ARGV[2]  tests only: the time in microseconds, used instead of TIME
-- Result   integers: how many are admitted, the time they are recorded at, what remains

local LEASE_SHARE = 4

local calls, period, wanted = unpack('<I5I5I5', ARGV[1])
local log = load(KEYS[1], call('GETRANGE', KEYS[1], '0', SHORT_READ))
local left = last(log, log.left, has_left, period)
local remaining = max(calls - (log.total - total(log, left)) % TOTALS, 0)
local units = min(wanted, floor(remaining / LEASE_SHARE))
if units == 0 then return { 0, 0, remaining } end

-- Decided at the key's time, recorded at the last moment at which they may be made.
local recorded = max(log.now, log.now - log.ahead + ahead_of(period))
local later = recorded - log.now
log.now, log.ahead, log.idle = recorded, log.ahead + later, log.idle + later
admit(log, calls, period, units, left)
return { units, recorded, remaining - units }
