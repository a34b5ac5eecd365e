-- Decides a check of any kind on any log: everything out of the ordinary. Stands behind log.lua.

-- `part` is the beginning of the log. Result: 1 if it is allowed, otherwise 0; what remains; the waits.
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
