-- Bytes between jobs and S3, by path: what the metric flowq_s3_bytes_total adds after a pass.
SELECT s3_path, CAST(sum(bytes) AS BIGINT) AS bytes
FROM flow_context
WHERE attribution IS NOT NULL AND s3_path IS NOT NULL AND action = 'ACCEPT'
GROUP BY s3_path
ORDER BY s3_path
