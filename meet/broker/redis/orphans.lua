-- Hold what a process that is gone held in the rooms of one shard, unless others hold it too.
--
-- KEYS  rooms, the beginning of the holders' keys
-- ARGV  the process that is gone, this process, second at which the one that is gone was last alive,
--       'again' if this was asked before and its answer did not come
-- Answers room, key and second at which those whose key it is were last there, by turns: who had not come
-- back to the one that is gone keeps the earlier one.  Asked again it answers what was taken over before, too.
local gone, process, seen, again = unpack(ARGV)
local found, changed = {}, {}
local function find(room, key, last)
    for _, word in ipairs({room, key, last}) do found[#found + 1] = word end
end
-- All is read before anything is written: a Cluster that is moving these rooms may refuse that.
for _, room in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local holders = KEYS[2] .. room
    local all = redis.call('HGETALL', holders)
    for each = 1, #all, 2 do
        local key, held = all[each], all[each + 1]
        local without, times = string.gsub(held, ' ' .. gone .. ' ', ' ')
        local before = string.match(held, '^ @(%S+) ' .. process .. ' $')
        if times > 0 and string.gsub(without, ' @%S+ ', ' ') == ' ' then
            local last = string.match(without, ' @(%S+) ') or seen
            changed[#changed + 1] = {holders, key, ' @' .. last .. ' ' .. process .. ' '}
            find(room, key, last)
        elseif times > 0 then
            changed[#changed + 1] = {holders, key, without}
        elseif before and again == 'again' then
            find(room, key, before)
        end
    end
end
for _, each in ipairs(changed) do redis.call('HSET', unpack(each)) end
return found
