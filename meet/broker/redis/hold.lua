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
local function note(held)
    redis.call('HSET', KEYS[2], key, held)
    local till = redis.call('HGET', KEYS[3], 'till')
    if till and redis.call('PTTL', KEYS[2]) == -1 then redis.call('PEXPIREAT', KEYS[2], till) end
end
if what == 'hold' then
    if away == '' then
        without = string.gsub(without, ' @%S+ ', ' ')
    elseif others == ' ' then
        without = ' @' .. away .. ' '
    end
    note(without .. process .. ' ')
    return 1
end
-- First what frees memory, which is not refused when there is none left; so the rest is not, either.
redis.call('HDEL', KEYS[2], key)
if string.gsub(without, ' @%S+ ', ' ') == ' ' then return 1 end
note(without)
return 0
