-- title = "Intervals per hour in which records were lost"
-- description = "As in the CloudWatch Logs Insights samples of AWS. Hours in UTC."
-- requires = ["start", "log_status", "interface_id"]
SELECT
    date_trunc('hour', start) AS hour,
    count(*) AS records,
    count(DISTINCT interface_id) AS interfaces
FROM flow_context
WHERE log_status = 'SKIPDATA'
GROUP BY date_trunc('hour', start)
ORDER BY hour
