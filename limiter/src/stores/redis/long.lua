-- Checks on a long exact log that one limit alone has written, as check_any would decide them, if nothing is out of the
-- ordinary: one call that fits into the room there is, while few entries have left since last time. Almost all of it goes
-- on in the log's state. Stands behind short.lua.

local LONG_ENTRIES_AT = HEADER + LONG_STATE

-- Decides checks of one kind. `its` is the log's header; a log that is not of this kind is left to check_any.
local function long(kind)
  local calls, period, cost = kind.calls, kind.period, kind.cost
  local header, over = 'L' .. kind.terms, kind.over

  -- Puts the entries that came last in their place, or others where they are looked for, or both.
  local function tidy(key, log, count, placed, leaving)
    local waiting = sub(log, LAST_AT, LAST_AT + 6 * (count - placed) - 1)
    if count - placed == ENDS then
      call('SETRANGE', key, format('%d', LONG_ENTRIES_AT + 6 * placed), waiting)
      placed, waiting = count, ''
    end
    if leaving then call('SETRANGE', key, format('%d', NEXT_AT - 1), leaving) end
    return placed, waiting
  end

  return function(key, log, its)
    if its ~= header or cost ~= 1 then return check_any(key, kind, log) end
    local count, left, newest, placed, places, number = unpack('<I2I2I6I2I2I2', log, FIRST)
    local idle = (clock - newest) % TIMES -- enormous if the clock is behind the newest entry
    if count == places or idle >= period then return check_any(key, kind, log) end

    -- Those that leave next, where the first stands that may not have left, and where the last one.
    local leaving, at, last, is_read, age = log, NEXT_AT + 6 * (left - number), NEXT_AT + 6 * (ENDS - 1), false, nil
    if left < number then at = last + 6 end -- a clock went back
    while true do
      if at > last then
        if is_read or left + ENDS > placed then return check_any(key, kind, log) end
        local from = LONG_ENTRIES_AT + 6 * left
        leaving = call('GETRANGE', key, format('%d', from), format('%d', from + 6 * ENDS - 1))
        at, last, is_read, number = 1, 6 * (ENDS - 1) + 1, true, left
      end
      age = (clock - unpack('<I6', leaving, at)) % TIMES
      if age < period then break end
      at, left = at + 6, left + 1
    end

    local remaining = calls - (count - left)
    if remaining == 0 then return 0, 0, period - age, period - idle end
    local state = pack('<I2I2I6', count + 1, left, clock % TIMES)
    if is_read or count - placed == ENDS then
      local waiting
      placed, waiting = tidy(key, log, count, placed, is_read and leaving)
      state = state .. pack('<I2I2I2', placed, places, number) .. waiting .. stamp
    else
      state = state .. sub(log, FIRST + 10, LAST_AT + 6 * (count - placed) - 1) .. stamp
    end
    call('SETRANGE', key, STATE_AT, state)
    if idle > over then call('PEXPIREAT', key, kind.expires) end
    return 1, remaining - 1
  end
end
