-- Let a room go on in a new epoch: the end of `IBroker.restore`.
--
-- KEYS  head tail kept owners holders journal asleep rooms grave
-- ARGV  room, the log that is to go on ('' for none), the position it must stand at ('' for an unknown room),
--       the new epoch, its newest number and its floor, the epochs it goes on from with spaces around each,
--       channel, wake channel, shard, milliseconds since 1970 until which the keys stay, milliseconds for
--       which marks stay, how many pieces of state, of talk, of what is told and of marks follow,
--       state as key number body, talk as number body and its number in the journal or '',
--       what is told as number body (the first is the Renewed), marks as key number
-- Answers 1, or 0 if the room has changed since it was looked at, or 'dropped' if it must not come back.
local head, tail, kept, owners, holders, journal, asleep, rooms, grave = unpack(KEYS)
local room, known, stands, epoch, last, floor, was, channel, wake, shard, till, stays = unpack(ARGV, 1, 12)
local states, talks, tolds, marks =
    tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15]), tonumber(ARGV[16])

local had = redis.call('HMGET', head, 'epoch', 'last')
if (had[1] and had[1] .. '.' .. had[2] or '') ~= stands then return 0 end
if not had[1] and redis.call('GET', grave) == known then return 'dropped' end

local at = 16
local function take()
    at = at + 1
    return ARGV[at]
end
redis.call('DEL', tail, kept)
for _ = 1, states do
    local key, seq, body = take(), take(), take()
    redis.call('HSET', kept, key, seq .. ' ' .. body)
end
local talk = {}
for _ = 1, talks do talk[#talk + 1] = {take(), take(), take()} end
local journaled = {}
local renewed
for _ = 1, tolds do
    local seq, body = take(), take()
    renewed = renewed or {seq, body}
    journaled[seq] = redis.call(
        'XADD', journal, 'NOMKSTREAM', '*', 'r', room, 'p', epoch .. '.' .. seq, 'b', body) or ''
end
for _, entry in ipairs(talk) do
    redis.call('XADD', tail, entry[1] .. '-0', 'b', entry[2], 'j', journaled[entry[1]] or entry[3])
end
for _ = 1, marks do
    local mark, seq = take(), take()
    redis.call('SET', mark, epoch .. '.' .. seq, 'PX', stays)
end
redis.call('HSET', head, 'epoch', epoch, 'last', last, 'law', last, 'floor', floor, 'was', was, 'till', till)
for _, each in ipairs({head, tail, kept, owners, holders}) do redis.call('PEXPIREAT', each, till) end
redis.call('ZADD', rooms, till, room)
if redis.call('EXISTS', asleep) == 1 then
    redis.call('DEL', asleep)
    redis.call('PUBLISH', wake, shard)
end
redis.call('PUBLISH', channel, epoch .. '.' .. renewed[1] .. ' ' .. renewed[2])
return 1
