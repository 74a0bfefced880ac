-- Conversations between two instances of one job with rejected traffic, from both ends.
--
-- Few out of many: queries about the reasons of rejections read these and not all conversations.
SELECT c.*
FROM (
    SELECT
        local_addr AS one_addr,
        coalesce(local_port, -1) AS one_port,
        remote_addr AS other_addr,
        coalesce(remote_port, -1) AS other_port
    FROM conversations
    WHERE attribution IS NOT NULL AND remote_scope = 'same-job' AND rejected_out + rejected_in > 0
    UNION
    SELECT remote_addr, coalesce(remote_port, -1), local_addr, coalesce(local_port, -1)
    FROM conversations
    WHERE attribution IS NOT NULL AND remote_scope = 'same-job' AND rejected_out + rejected_in > 0
) AS r
RIGHT SEMI JOIN conversations AS c
    ON r.one_addr = c.local_addr
    AND r.one_port = coalesce(c.local_port, -1)
    AND r.other_addr = c.remote_addr
    AND r.other_port = coalesce(c.remote_port, -1)
WHERE c.attribution IS NOT NULL AND c.remote_scope = 'same-job'
