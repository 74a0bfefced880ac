-- Every record with its job, its side, the scope of the remote address, its path to S3, and the initiator of its conversation.
--
-- opened_by: TCP flags of the record itself, else of its conversation (same ENI and 5-tuple), else, where the
-- beginning of the conversation was seen, the direction that started first, else the port rule: the ephemeral side
-- (>= 32768) opened to a lower port. The beginning was not seen where flags hold no SYN, and at the beginning of the
-- log of the interface: there the port rule goes first, and where the direction that started first contradicts it,
-- opened_by is NULL. A beginning before the window counts, where the margin holds it.
-- Only records within one day around the record are compared, so that memory stays bounded and a
-- 5-tuple used again days later does not count. It costs a sort, and only if the column is selected.
SELECT
    * EXCEPT (first_out, first_in, local_syn, remote_syn, flagged_records),
    coalesce(
        syn_by,
        CASE
            WHEN local_syn < remote_syn OR (local_syn IS NOT NULL AND remote_syn IS NULL) THEN 'local'
            WHEN remote_syn < local_syn OR (remote_syn IS NOT NULL AND local_syn IS NULL) THEN 'remote'
            WHEN local_syn = remote_syn AND local_port >= remote_port THEN 'local'
            WHEN local_syn = remote_syn THEN 'remote'
            WHEN flagged_records = 0 AND saw_beginning(interface_id, least(first_out, first_in)) THEN CASE
                WHEN first_out < first_in THEN 'local'
                WHEN first_in < first_out THEN 'remote'
                WHEN local_port >= 32768 AND remote_port < 32768 THEN 'local'
                WHEN remote_port >= 32768 AND local_port < 32768 THEN 'remote'
            END
            WHEN local_port >= 32768 AND remote_port < 32768 AND (first_in < first_out) IS NOT TRUE THEN 'local'
            WHEN remote_port >= 32768 AND local_port < 32768 AND (first_out < first_in) IS NOT TRUE THEN 'remote'
        END
    ) AS opened_by
FROM (
    SELECT
        *,
        min(CASE WHEN direction = 'egress' THEN start END) OVER conversation AS first_out,
        min(CASE WHEN direction = 'ingress' THEN start END) OVER conversation AS first_in,
        min(CASE WHEN syn_by = 'local' THEN start END) OVER conversation AS local_syn,
        min(CASE WHEN syn_by = 'remote' THEN start END) OVER conversation AS remote_syn,
        sum(CASE WHEN protocol = 6 AND tcp_flags IS NOT NULL THEN 1 ELSE 0 END) OVER conversation AS flagged_records
    FROM flow_context_margin
    WINDOW conversation AS (
        PARTITION BY interface_id, local_addr, local_port, remote_addr, remote_port, protocol
        ORDER BY start
        RANGE BETWEEN INTERVAL '1 day' PRECEDING AND INTERVAL '1 day' FOLLOWING
    )
)
WHERE window_since() IS NULL OR "end" IS NULL OR "end" >= window_since()
