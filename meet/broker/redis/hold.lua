-- Stand for somebody's key, or no longer: `IBroker.hold` and `IBroker.let_go`.
--
-- KEYS  owners holders head
-- ARGV  'hold' or 'let go', key, owner, process, second since 1970 since when the owner has not been there
--       ('' if they are; with 'hold' alone)
-- Answers 1 if it is held, or if nobody holds it now; else 0.
local what, key, owner, process, away = unpack(ARGV)
if redis.call('HGET', KEYS[1], key) ~= owner then return what == 'hold' and 0 or 1 end
local others = redis.call('HGET', KEYS[2], key) or ' '
local without = string.gsub(others, ' ' .. process .. ' ', ' ')
if what == 'hold' then
    if away == '' then
        without = string.gsub(without, ' @%S+ ', ' ')
    elseif others == ' ' then
        without = ' @' .. away .. ' '
    end
    redis.call('HSET', KEYS[2], key, without .. process .. ' ')
    local till = redis.call('HGET', KEYS[3], 'till')
    if till and redis.call('PTTL', KEYS[2]) == -1 then redis.call('PEXPIREAT', KEYS[2], till) end
    return 1
end
if string.gsub(without, ' @%S+ ', ' ') == ' ' then
    redis.call('HDEL', KEYS[2], key)
    return 1
end
redis.call('HSET', KEYS[2], key, without)
return 0
