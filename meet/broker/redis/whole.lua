-- All that is remembered of a room, for giving back what was lost of it.
--
-- KEYS  head tail kept
-- Answers nothing for an unknown room, else: epoch, newest number, number of the newest ruling or '',
-- number up to which talk is missing, key and entry by turns, talk.
local known = redis.call('HMGET', KEYS[1], 'epoch', 'last', 'law', 'floor')
if not known[1] then return {} end
return {
    known[1], known[2], known[3] or '', known[4],
    redis.call('HGETALL', KEYS[3]),
    redis.call('XRANGE', KEYS[2], '-', '+'),
}
