-- Number, remember, journal and send one entry, behind its guards: `IBroker.publish` in one step.
--
-- KEYS  head tail kept owners holders journal asleep rooms [mark]
-- ARGV  room, body, under ('' for none), key, flags, claimed key, owner, process, a new epoch,
--       entries in the tail, channel, wake channel, shard,
--       milliseconds since 1970 until which the keys stay ('' leaves it), position to erase ('' for none),
--       milliseconds for which the mark stays, then positions and what is to stand there instead, by turns
--       flags: k it has a key, f it forgets it, r it is a ruling, c it is behind a claim
-- Answers the position; or that of the mark after '='; or 'stale' or 'taken', and has changed nothing.
local head, tail, kept, owners, holders, journal, asleep, rooms, mark = unpack(KEYS)
local room, body, under, key, flags, claimed, owner, process, fresh, depth, channel, wake, shard, till, erase, stays =
    unpack(ARGV, 1, 16)
local has_key = string.find(flags, 'k', 1, true)
local forgets = string.find(flags, 'f', 1, true)

local known = redis.call('HMGET', head, 'epoch', 'last', 'law', 'till')
local epoch, last, law = known[1] or fresh, tonumber(known[2] or 0), known[3] or ''
if mark then
    local said = redis.call('GET', mark)
    local log, at = string.match(said or '', '^(.*)%.(%d+)$')
    if log and known[1] then
        -- Said in a log that this one goes on from, it stands here under the same number.
        local was = log ~= known[1] and redis.call('HGET', head, 'was') or ''
        if log == known[1] or string.find(was or '', ' ' .. log .. ' ', 1, true) then
            -- Written as it is, so that who waits for copies waits for all that was written before, too.
            redis.call('PEXPIREAT', mark, redis.call('PEXPIRETIME', mark))
            return '=' .. known[1] .. '.' .. at
        end
    end
end
if under ~= (law == '' and '' or epoch .. '.' .. law) then return 'stale' end
local takes = false
if string.find(flags, 'c', 1, true) then
    takes = has_key and not forgets and key == claimed
    local holder = redis.call('HGET', owners, claimed)
    if holder ~= owner and not (takes and not holder) then return 'taken' end
    if forgets and key == claimed then
        local others = redis.call('HGET', holders, claimed)
        if others and not string.find(others, ' ' .. process .. ' ', 1, true) then return 'taken' end
    end
end

local seq = last + 1
local number = string.format('%d', seq)
local position = epoch .. '.' .. number
if not known[1] then redis.call('HSET', head, 'epoch', epoch, 'floor', '0') end
redis.call('HSET', head, 'last', number)
if string.find(flags, 'r', 1, true) then redis.call('HSET', head, 'law', number) end

local journaled = redis.call('XADD', journal, 'NOMKSTREAM', '*', 'r', room, 'p', position, 'b', body)
if journaled and redis.call('EXISTS', asleep) == 1 then
    redis.call('DEL', asleep)
    redis.call('PUBLISH', wake, shard)
end

if string.match(erase, '^[^.]+') == epoch then
    local id = string.match(erase, '[0-9]+$') .. '-0'
    local gone = redis.call('XRANGE', tail, id, id)[1]
    if gone then
        redis.call('XDEL', tail, id)
        if gone[2][4] ~= '' then redis.call('XDEL', journal, gone[2][4]) end
    end
end

local touched = {}
local instead = {}
for each = 17, #ARGV, 2 do
    if string.match(ARGV[each], '^[^.]+') == epoch then
        instead[string.match(ARGV[each], '[0-9]+$') .. '-0'] = ARGV[each + 1]
    end
end
if next(instead) then
    -- A stream takes no entry again that it had: it is written anew.
    local talk = redis.call('XRANGE', tail, '-', '+')
    redis.call('DEL', tail)
    for _, entry in ipairs(talk) do
        local other, numbered = instead[entry[1]], entry[2][4]
        if other and numbered ~= '' and redis.call('XDEL', journal, numbered) == 1 then
            local at = epoch .. '.' .. string.match(entry[1], '^[0-9]+')
            numbered = redis.call('XADD', journal, 'NOMKSTREAM', '*', 'r', room, 'p', at, 'b', other) or ''
        end
        redis.call('XADD', tail, entry[1], 'b', other or entry[2][2], 'j', numbered)
    end
    touched = {tail}
end
if not has_key then
    if redis.call('XLEN', tail) >= tonumber(depth) then
        local oldest = redis.call('XRANGE', tail, '-', '+', 'COUNT', 1)[1]
        redis.call('HSET', head, 'floor', string.match(oldest[1], '^[0-9]+'))
        redis.call('XDEL', tail, oldest[1])
    end
    redis.call('XADD', tail, number .. '-0', 'b', body, 'j', journaled or '')
    touched[#touched + 1] = tail
elseif forgets then
    redis.call('HDEL', kept, key)
    redis.call('HDEL', owners, key)
    redis.call('HDEL', holders, key)
else
    redis.call('HSET', kept, key, number .. ' ' .. body)
    touched[#touched + 1] = kept
    if takes then
        local others = string.gsub(redis.call('HGET', holders, key) or ' ', ' @%S+ ', ' ')
        if not string.find(others, ' ' .. process .. ' ', 1, true) then others = others .. process .. ' ' end
        redis.call('HSET', holders, key, others)
        redis.call('HSET', owners, key, owner)
        touched[#touched + 1] = owners
        touched[#touched + 1] = holders
    end
end
if mark then redis.call('SET', mark, position, 'PX', stays) end

if till ~= '' then
    redis.call('HSET', head, 'till', till)
    for _, each in ipairs({head, tail, kept, owners, holders}) do redis.call('PEXPIREAT', each, till) end
    -- Rooms that ended long ago, and that no reaper dropped, are gone by themselves.
    redis.call('ZREMRANGEBYSCORE', rooms, '-inf', '(' .. redis.call('TIME')[1] .. '000')
    redis.call('ZADD', rooms, till, room)
elseif known[4] then
    for _, each in ipairs(touched) do
        if redis.call('PTTL', each) == -1 then redis.call('PEXPIREAT', each, known[4]) end
    end
elseif not known[1] then
    redis.call('ZADD', rooms, '+inf', room)
end
redis.call('PUBLISH', channel, position .. ' ' .. body)
return position
