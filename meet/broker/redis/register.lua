-- Make a durable observer known to one shard's journal.
--
-- KEYS  journal rooms, the observer's backfill, the beginning of the heads' keys
-- ARGV  observer
-- What the rooms of the shard remember already is not in the journal: it is noted for each of them up to
-- where the observer has to be told it before its journal begins.
if redis.call('EXISTS', KEYS[1]) == 1 then
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
        -- Making it again would be refused when there is no memory, and whoever empties the journal needs it.
        if group[2] == ARGV[1] then return 0 end
    end
end
-- All is read before anything is written: a Cluster that is moving these rooms may refuse that.
local upto = {}
for _, room in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local head = redis.call('HMGET', KEYS[4] .. room, 'epoch', 'last')
    if head[1] then upto[room] = head[1] .. '.' .. head[2] end
end
redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '$', 'MKSTREAM')
for room, position in pairs(upto) do redis.call('HSET', KEYS[3], room, position) end
return 1
