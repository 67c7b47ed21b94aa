-- Hold what a process that is gone held in the rooms of one shard, unless others hold it too.
--
-- KEYS  rooms, the beginning of the holders' keys
-- ARGV  the process that is gone, this process, second at which the one that is gone was last alive
-- Answers room, key and second at which those whose key it is were last there, by turns: who had not come
-- back to the one that is gone keeps the earlier one.
local gone, process, seen = unpack(ARGV)
local found = {}
for _, room in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local holders = KEYS[2] .. room
    local all = redis.call('HGETALL', holders)
    for each = 1, #all, 2 do
        local without, times = string.gsub(all[each + 1], ' ' .. gone .. ' ', ' ')
        if times > 0 and string.gsub(without, ' @%S+ ', ' ') == ' ' then
            local last = string.match(without, ' @(%S+) ') or seen
            redis.call('HSET', holders, all[each], ' @' .. last .. ' ' .. process .. ' ')
            found[#found + 1] = room
            found[#found + 1] = all[each]
            found[#found + 1] = last
        elseif times > 0 then
            redis.call('HSET', holders, all[each], without)
        end
    end
end
return found
