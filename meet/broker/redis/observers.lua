-- How many records the observers of one shard have yet to take, about: `IBroker.observers`.
--
-- KEYS  journal, the beginnings of the keys of backfills, tails and states
-- Answers each observer and its records by turns.
local journal, backfills, tails, kepts = unpack(KEYS)
if redis.call('EXISTS', journal) == 0 then return {} end
local found = {}
for _, group in ipairs(redis.call('XINFO', 'GROUPS', journal)) do
    local named = {}
    for each = 1, #group, 2 do named[group[each]] = group[each + 1] end
    local untold = named['lag']
    if not untold then
        -- Redis does not know it where something was deleted on the way.
        untold = 0
        local since = named['last-delivered-id']
        repeat
            local page = redis.call('XRANGE', journal, '(' .. since, '+', 'COUNT', 1000)
            untold = untold + #page
            if #page > 0 then since = page[#page][1] end
        until #page == 0
    end
    for _, room in ipairs(redis.call('HKEYS', backfills .. named['name'])) do
        untold = untold + redis.call('XLEN', tails .. room) + redis.call('HLEN', kepts .. room)
    end
    found[#found + 1] = named['name']
    found[#found + 1] = named['pending'] + untold
end
return found
