-- A record of an object, by its line, with what flowq adds to it. Its start lets other objects be left out by their names.
SELECT *
FROM flow_context
WHERE object = $object AND line = $line AND start >= $start AND start <= $start
LIMIT 1
