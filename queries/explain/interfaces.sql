-- Interfaces, and why they are this job's.
-- As the inventory has them, and as their records were attributed.
WITH seen AS (
    SELECT
        interface_id,
        min(attribution) AS attribution,
        min(local_addr) AS addr,
        min(subnet_id) AS subnet_id,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        sum(records) AS records
    FROM peers
    WHERE attribution IS NOT NULL
        AND ((job_name = $name AND coalesce(job_arn, $arn) = $arn) OR array_has(string_to_array(job_candidates, ','), $name))
    GROUP BY interface_id
),
held AS (
    SELECT
        interface_id,
        max(array_to_string(addresses, ', ')) AS addresses,
        max(subnet_id) AS subnet_id,
        max(eni_role) AS eni_role,
        max(attribution) AS attribution,
        min(valid_from) AS valid_from,
        CASE WHEN count(*) = count(valid_to) THEN max(valid_to) END AS valid_to,
        max(reason) AS reason
    FROM enis
    WHERE attribution IS NOT NULL
        AND ((job_name = $name AND coalesce(job_arn, $arn) = $arn) OR array_has(job_candidates, $name))
    GROUP BY interface_id
)
SELECT
    coalesce(h.interface_id, s.interface_id) AS interface,
    coalesce(h.addresses, s.addr) AS addresses,
    coalesce(h.subnet_id, s.subnet_id) AS subnet,
    h.eni_role AS role,
    coalesce(h.attribution, s.attribution) AS attribution,
    h.valid_from AS "from",
    h.valid_to AS "to",
    s.first_seen AS first_record,
    s.last_seen AS last_record,
    CAST(coalesce(s.records, 0) AS BIGINT) AS records,
    coalesce(h.reason, 'by subnet and time, since its history is not known') AS why
FROM seen AS s
FULL JOIN held AS h ON h.interface_id = s.interface_id
ORDER BY "from", interface
