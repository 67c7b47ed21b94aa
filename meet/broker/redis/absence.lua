-- Which observers are there, and for how long the others have not been; or forget those that are not.
--
-- KEYS  alive workers shares seen
-- ARGV  'look' or 'forget', milliseconds without a pulse after which a process is dead, observers
-- Answers for each observer how many milliseconds ago it was last there: 0 if a process tells it now, and
-- then it is not forgotten; at least 1 if none does.
local alive, workers, shares, seen = unpack(KEYS)
local what, patience = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local there = {}
for _, worker in ipairs(redis.call('HKEYS', workers)) do
    local observer, process = string.match(worker, '^(.*) (%S+)$')
    local last = redis.call('ZSCORE', alive, process)
    if last and tonumber(last) >= now - patience then there[observer] = true end
end
local function forget(hash, pattern, observer)
    for _, field in ipairs(redis.call('HKEYS', hash)) do
        if string.match(field, pattern) == observer then redis.call('HDEL', hash, field) end
    end
end
local away = {}
for each = 3, #ARGV do
    local observer = ARGV[each]
    if there[observer] then
        away[#away + 1] = 0
    else
        -- Of one that Redis has lost sight of, the time is counted from now on.
        redis.call('HSETNX', seen, observer, now)
        away[#away + 1] = math.max(1, now - tonumber(redis.call('HGET', seen, observer)))
        if what == 'forget' then
            redis.call('HDEL', seen, observer)
            forget(workers, '^(.*) %S+$', observer)
            forget(shares, '^(.*) %d+$', observer)
        end
    end
end
return away
