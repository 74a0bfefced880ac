-- The time that the records of jobs span.
SELECT
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM peers
WHERE attribution IS NOT NULL
