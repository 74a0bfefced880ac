-- Traffic between the instances.
-- One row for each direction in which a connection was opened, from the side that logged more of it. Both sides log
-- the same packets, so they are not added up.
WITH mine AS (
    SELECT *
    FROM peers
    WHERE attribution IS NOT NULL AND remote_scope = 'same-job'
        AND ((job_name = $name AND coalesce(job_arn, $arn) = $arn) OR array_has(string_to_array(job_candidates, ','), $name))
),
legs AS (
    SELECT
        CASE WHEN opened_by = 'remote' THEN remote_addr ELSE local_addr END AS from_addr,
        CASE WHEN opened_by = 'remote' THEN local_addr ELSE remote_addr END AS to_addr,
        CASE WHEN opened_by = 'remote' THEN local_port ELSE remote_port END AS port,
        protocol,
        opened_by IS DISTINCT FROM 'remote' AS is_from,
        connections, accepted_out, accepted_in, rejected_out, rejected_in,
        accepted_bytes_out + accepted_bytes_in AS bytes,
        first_seen, last_seen
    FROM mine
),
sides AS (
    SELECT
        from_addr, to_addr, port, protocol, is_from,
        sum(accepted_out + accepted_in) AS accepted,
        sum(rejected_out + rejected_in) AS rejected,
        sum(rejected_out) > 0 AS is_rejected_out,
        sum(rejected_in) > 0 AS is_rejected_in,
        sum(accepted_in) > 0 AS is_accepted_in,
        sum(bytes) AS bytes,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen
    FROM legs
    GROUP BY from_addr, to_addr, port, protocol, is_from
),
pairs AS (
    SELECT
        from_addr, to_addr, port, protocol,
        max(accepted) AS accepted,
        max(rejected) AS rejected,
        max(bytes) AS bytes,
        bool_or(is_from AND is_accepted_in) AS is_answered,
        concat_ws(', ',
            CASE WHEN bool_or(is_from AND is_rejected_out) THEN 'leaving the opener' END,
            CASE WHEN bool_or(NOT is_from AND is_rejected_in) THEN 'entering the other' END,
            CASE WHEN bool_or(NOT is_from AND is_rejected_out) THEN 'the reply leaving the other' END,
            CASE WHEN bool_or(is_from AND is_rejected_in) THEN 'the reply entering the opener' END
        ) AS refused_at,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen
    FROM sides
    GROUP BY from_addr, to_addr, port, protocol
),
own AS (
    SELECT interface_id, max(addresses[1]) AS addr, min(valid_from) AS valid_from, max(valid_to) AS valid_to
    FROM enis
    WHERE attribution IS NOT NULL AND (eni_role IS DISTINCT FROM 'platform') AND cardinality(addresses) > 0
        AND ((job_name = $name AND coalesce(job_arn, $arn) = $arn) OR array_has(job_candidates, $name))
    GROUP BY interface_id
),
spoke AS (
    SELECT interface_id AS one, remote_interface_id AS other FROM mine WHERE remote_interface_id IS NOT NULL
    UNION
    SELECT remote_interface_id, interface_id FROM mine WHERE remote_interface_id IS NOT NULL
),
silent AS (
    SELECT a.addr AS from_addr, b.addr AS to_addr
    FROM own AS a
    JOIN own AS b ON a.interface_id < b.interface_id
    LEFT ANTI JOIN spoke AS s ON s.one = a.interface_id AND s.other = b.interface_id
    WHERE coalesce(a.valid_from < b.valid_to, true) AND coalesce(b.valid_from < a.valid_to, true)
)
SELECT
    from_addr AS "from",
    to_addr AS "to",
    CASE WHEN port > 0 THEN port END AS port,
    coalesce(protocol_name(protocol), CAST(protocol AS VARCHAR)) AS protocol,
    CASE
        WHEN protocol = 50 THEN 'ESP: encrypted traffic between containers'
        WHEN protocol = 17 AND port IN (500, 4500) THEN 'IKE: keys for encryption between containers'
        WHEN protocol IN (1, 58) THEN 'ICMP'
        WHEN protocol <> 6 THEN NULL
        WHEN port = 22 THEN 'SSH, as MPI starts its ranks'
        WHEN port = 7077 THEN 'Spark master'
        WHEN port BETWEEN 4040 AND 4050 THEN 'Spark driver, web'
        WHEN port = 18080 THEN 'Spark history server'
        WHEN port BETWEEN 8030 AND 8033 THEN 'YARN resource manager'
        WHEN port IN (8040, 8041, 8042) THEN 'YARN node manager'
        WHEN port = 8088 THEN 'YARN resource manager, web'
        WHEN port IN (8020, 9000, 9870, 50070) THEN 'HDFS name node'
        WHEN port BETWEEN 9864 AND 9867 OR port IN (50010, 50020, 50075) THEN 'HDFS data node'
        WHEN port IN (29400, 29500) THEN 'torch rendezvous'
        WHEN port IN (6379, 10001) THEN 'Ray'
        WHEN port IN (8786, 8787) THEN 'Dask scheduler'
        WHEN port >= 32768 THEN 'a port picked at run time: Spark driver or executor, MPI, gloo, NCCL'
    END AS known_as,
    CASE WHEN rejected = 0 THEN 'accepted' WHEN is_answered THEN 'partly rejected' ELSE 'rejected' END AS state,
    CAST(accepted AS BIGINT) AS accepted_records,
    CAST(rejected AS BIGINT) AS rejected_records,
    CAST(bytes AS BIGINT) AS bytes,
    nullif(refused_at, '') AS refused_at,
    first_seen,
    last_seen
FROM pairs
UNION ALL
SELECT from_addr, to_addr, NULL, NULL, NULL, 'silent', 0, 0, 0, NULL, NULL, NULL
FROM silent
ORDER BY state, "from", "to", port, protocol
LIMIT 500
