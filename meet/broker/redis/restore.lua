-- Give back what was lost of a room, in a new epoch: `IBroker.restore`.
--
-- KEYS  head tail kept owners holders journal asleep rooms grave
-- ARGV  room, the Renewed, a new epoch, epoch, newest number and floor of what is known,
--       channel, wake channel, shard, entries in the tail, milliseconds since 1970 until which the keys stay,
--       milliseconds for which marks stay, how many pieces of state and of talk follow,
--       state as key number body, talk as number body mark ('' for none)
-- Answers 1, or 0 if the broker lacks nothing of it or holds another log.
local head, tail, kept, owners, holders, journal, asleep, rooms, grave = unpack(KEYS)
local room, renewed, fresh, epoch, newest, floor, channel, wake, shard, depth, till, stays, states, talks = unpack(ARGV, 1, 14)
states, talks, newest, depth = tonumber(states), tonumber(talks), tonumber(newest), tonumber(depth)
local ABOVE = 1000000  -- higher than what anybody may have numbered since the loss

local had = redis.call('HMGET', head, 'epoch', 'last', 'floor', 'was')
local was = had[4] or ' '
local descends = had[1] == epoch or string.find(was, ' ' .. epoch .. ' ', 1, true)
if had[1] and not descends then return 0 end
if not had[1] and redis.call('GET', grave) == epoch then return 0 end
local begins = tonumber(had[3] or floor)

-- What the broker still has, by number.
local taken, talk = {}, {}
for _, entry in ipairs(redis.call('XRANGE', tail, '-', '+')) do
    local seq = tonumber(string.match(entry[1], '^%d+'))
    talk[#talk + 1] = {seq, entry[2][2], entry[2][4]}
    taken[seq] = entry[2][2]
end
local state = {}
local all = redis.call('HGETALL', kept)
for each = 1, #all, 2 do
    local seq, body = string.match(all[each + 1], '^(%d+) (.*)$')
    state[all[each]] = {tonumber(seq), body}
    taken[tonumber(seq)] = body
end

-- What it lacks; a number that another entry has cannot be had again.
local last = math.max(tonumber(had[2] or 0), newest)
local lacking, at = {}, 14
for _ = 1, states do
    local key, seq, body = ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3]
    at = at + 3
    local there = state[key]
    if not there or there[1] < seq then
        if taken[seq] then
            last = last + 1
            seq = last
        end
        state[key] = {seq, body}
        taken[seq] = body
        lacking[#lacking + 1] = {seq, body}
        redis.call('HSET', kept, key, string.format('%d ', seq) .. body)
    end
end
local marks = {}
for _ = 1, talks do
    local seq, body, mark = tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
    at = at + 3
    if seq > begins and taken[seq] ~= body then
        if taken[seq] then
            last = last + 1
            seq = last
        end
        taken[seq] = body
        talk[#talk + 1] = {seq, body, ''}
        lacking[#lacking + 1] = talk[#talk]
    end
    if mark ~= '' and taken[seq] == body then marks[#marks + 1] = {mark, seq} end
end
if #lacking == 0 and had[1] and (had[1] ~= epoch or tonumber(had[2]) >= newest) then return 0 end

local seq = last + ABOVE
local position = fresh .. '.' .. string.format('%d', seq)
redis.call('XADD', journal, 'NOMKSTREAM', '*', 'r', room, 'p', position, 'b', renewed)
for _, entry in ipairs(lacking) do
    entry[3] = redis.call('XADD', journal, 'NOMKSTREAM', '*', 'r', room, 'p',
        fresh .. '.' .. string.format('%d', entry[1]), 'b', entry[2]) or ''
end

table.sort(talk, function(one, other) return one[1] < other[1] end)
redis.call('DEL', tail)
for each = math.max(1, #talk - depth + 1), #talk do
    local entry = talk[each]
    redis.call('XADD', tail, string.format('%d-0', entry[1]), 'b', entry[2], 'j', entry[3])
end
if #talk > depth then begins = talk[#talk - depth][1] end
redis.call('HSET', kept, 'renewed', string.format('%d ', seq) .. renewed)
if had[1] and had[1] ~= epoch then was = was .. had[1] .. ' ' end
if not string.find(was, ' ' .. epoch .. ' ', 1, true) then was = was .. epoch .. ' ' end
redis.call('HSET', head, 'epoch', fresh, 'last', string.format('%d', seq), 'law', string.format('%d', seq),
    'floor', string.format('%d', begins), 'was', was, 'till', till)
for _, mark in ipairs(marks) do
    redis.call('SET', mark[1], fresh .. '.' .. string.format('%d', mark[2]), 'PX', stays)
end
for _, each in ipairs({head, tail, kept, owners, holders}) do redis.call('PEXPIREAT', each, till) end
redis.call('ZADD', rooms, till, room)
if redis.call('EXISTS', journal) == 1 and redis.call('EXISTS', asleep) == 1 then
    redis.call('DEL', asleep)
    redis.call('PUBLISH', wake, shard)
end
redis.call('PUBLISH', channel, position .. ' ' .. renewed)
return 1
