-- Reads a counter as it stands and the moment it was read at, in one step, so that ages are right to the microsecond.
--
-- KEYS[1]  the counter
-- Result   seconds and microseconds of TIME, the counter's string (nil if there is none); its format stands in log.lua
local time = redis.call('TIME')
return { time[1], time[2], redis.call('GET', KEYS[1]) }
