-- S3 traffic by path.
-- The price is that of a GB through a NAT gateway, both directions; NULL if none is configured.
SELECT
    s3_path AS path,
    s3_evidence AS evidence,
    count(DISTINCT remote_addr) AS addresses,
    CAST(sum(connections) AS BIGINT) AS connections,
    CAST(sum(accepted_bytes_out) AS BIGINT) AS bytes_out,
    CAST(sum(accepted_bytes_in) AS BIGINT) AS bytes_in,
    CAST(sum(rejected_out + rejected_in) AS BIGINT) AS rejected_records,
    CASE
        WHEN s3_path = 'nat-gateway'
            THEN round(sum(accepted_bytes_out + accepted_bytes_in) / 1e9 * CAST($nat_price AS DOUBLE), 6)
    END AS nat_cost,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM peers
WHERE attribution IS NOT NULL AND s3_path IS NOT NULL
    AND ((job_name = $name AND coalesce(job_arn, $arn) = $arn) OR array_has(string_to_array(job_candidates, ','), $name))
GROUP BY s3_path, s3_evidence
ORDER BY path, evidence
