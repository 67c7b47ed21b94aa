-- Delete what is remembered of a room: `IBroker.drop`, but for what the journal has yet to tell.
--
-- KEYS  head tail kept owners holders journal asleep rooms grave wiping
-- ARGV  room, body, under ('' for whatever), channel, wake channel, shard, milliseconds for which the grave stays
-- Answers 'stale', or epoch and the journal's number up to which it is to be wiped ('' if nothing is there),
-- also if an earlier process did not come to its wiping.
local head, tail, kept, owners, holders, journal, asleep, rooms, grave, wiping = unpack(KEYS)
local room, body, under, channel, wake, shard, stays = unpack(ARGV)
local known = redis.call('HMGET', head, 'epoch', 'last', 'law')
local epoch = known[1]
if not epoch then
    local left = redis.call('HGET', wiping, room)
    if not left then return {'', ''} end
    local former, upto = string.match(left, '^(%S+) (%S+)$')
    return {former, upto}
end
if under ~= '' and under ~= epoch .. '.' .. (known[3] or '') then return 'stale' end
local position = epoch .. '.' .. string.format('%d', tonumber(known[2]) + 1)
-- First what frees memory, which is not refused when there is none left; so the rest is not, either.
redis.call('DEL', head, tail, kept, owners, holders)
local journaled = redis.call('XADD', journal, 'NOMKSTREAM', '*', 'r', room, 'p', position, 'b', body)
redis.call('ZREM', rooms, room)
redis.call('SET', grave, epoch, 'PX', stays)
redis.call('PUBLISH', channel, position .. ' ' .. body)
if not journaled then return {epoch, ''} end
redis.call('HSET', wiping, room, epoch .. ' ' .. journaled)
if redis.call('EXISTS', asleep) == 1 then
    redis.call('DEL', asleep)
    redis.call('PUBLISH', wake, shard)
end
return {epoch, journaled}
