-- How many bytes rooms take, about: `IMeasured.sizes`.
--
-- KEYS  those of one room, those of the next …
-- ARGV  how many keys a room has
-- Answers the bytes of each room.
local sizes = {}
for first = 1, #KEYS, tonumber(ARGV[1]) do
    local size = 0
    for key = first, first + ARGV[1] - 1 do
        size = size + (redis.call('MEMORY', 'USAGE', KEYS[key]) or 0)
    end
    sizes[#sizes + 1] = size
end
return sizes
