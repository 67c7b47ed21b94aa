-- A worker has dealt with records: let go of what every observer has dealt with.
--
-- KEYS  journal
-- ARGV  observer, numbers…
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for start = 2, #ARGV, 1000 do
    redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, start, math.min(start + 999, #ARGV)))
end
local function parts(id)
    local time, count = string.match(id, '^(%d+)-(%d+)$')
    return tonumber(time), tonumber(count)
end
local function before(one, other)
    local time, count = parts(one)
    local later, more = parts(other)
    return time < later or (time == later and count < more)
end
-- The oldest number that some observer still needs.
local needed
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local named = {}
    for each = 1, #group, 2 do named[group[each]] = group[each + 1] end
    local first
    if tonumber(named['pending']) > 0 then
        first = redis.call('XPENDING', KEYS[1], named['name'])[2]
    else
        local time, count = parts(named['last-delivered-id'])
        first = string.format('%d-%d', time, count + 1)
    end
    if not needed or before(first, needed) then needed = first end
end
if needed then redis.call('XTRIM', KEYS[1], 'MINID', '=', needed) end
return 1
