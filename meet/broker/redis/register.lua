-- Make a durable observer known to one shard's journal.
--
-- KEYS  journal rooms, the observer's backfill, the beginning of the heads' keys
-- ARGV  observer
-- What the rooms of the shard remember already is not in the journal: it is noted for each of them up to
-- where the observer has to be told it before its journal begins.
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '$', 'MKSTREAM')
if made.err then
    if string.find(made.err, 'BUSYGROUP', 1, true) then return 0 end
    return made
end
for _, room in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local head = redis.call('HMGET', KEYS[4] .. room, 'epoch', 'last')
    if head[1] then redis.call('HSET', KEYS[3], room, head[1] .. '.' .. head[2]) end
end
return 1
