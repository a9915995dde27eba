package simulator

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// export starts a job over the events that are visible now.
func (c *call) export() {
	q, failed := parseExport(c.body, c.sw, c.now)
	if failed != nil {
		c.refuse(failed)
		return
	}
	found, failed := c.find(q)
	if failed != nil {
		c.refuse(failed)
		return
	}
	rows := ordered(found, q.order(c.sw), 0, len(found), nil)
	if c.sw.ExportRowCap > 0 {
		rows = rows[:min(len(rows), c.sw.ExportRowCap)]
	}
	chance := c.chance()
	j := &job{
		owner: c.key.APIID, signature: fmt.Sprintf("%016x%016x", chance.Uint64(), chance.Uint64()), format: q.format, rows: rows,
		created: c.now, updated: c.now, hidden: c.sw.JobEarly404, status: statusCreated,
	}
	c.jobs.add(j)
	c.entry.set(func(r *Request) { r.Rows = len(rows) })
	c.announce(j)
}

// announce answers _export in the format that the switches say.
func (c *call) announce(j *job) {
	address := fmt.Sprintf("%s/jobs/v1/orgs/%s/jobs/%d", c.base(), c.orgKey, j.id)
	if c.sw.ExportStatus == http.StatusSeeOther {
		c.w.Header().Set("Location", address)
	}
	var name any = c.jobID(j)
	if c.sw.JobIDKey == "ref_url" {
		name = address
	}
	c.sendJSON(c.sw.ExportStatus, map[string]any{c.sw.JobIDKey: name})
}

func (c *call) download() {
	j := c.ownJob()
	if j == nil {
		return
	}
	status := j.state()
	switch {
	case status == statusFailed:
		c.refuse(notFound("result of job " + c.route.id))
	case status == statusCompleted || c.sw.EarlyDownload == "serve":
		c.redirectOrServe(j)
	case c.sw.EarlyDownload == "404":
		c.refuse(notFound("result of job " + c.route.id))
	case c.sw.EarlyDownload == "409":
		c.refuse(&apiError{status: http.StatusConflict, code: "JOB_NOT_COMPLETED", message: "Job " + c.route.id + " is not completed"})
	default:
		c.send(http.StatusOK, mediaType(j.format), nil)
	}
}

func (j *job) state() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}

func (c *call) redirectOrServe(j *job) {
	switch c.sw.DownloadRedirect {
	case "same":
		c.w.Header().Set("Location", c.base()+"/storage/"+j.signature)
	case "other":
		c.w.Header().Set("Location", c.otherBase()+"/storage/"+j.signature)
	default:
		c.serve(j)
		return
	}
	c.send(http.StatusFound, "", nil)
}

// storage serves a result at its signed address.
func (c *call) storage() {
	j := c.jobs.find(c.now, func(j *job) bool { return j.signature == c.route.id })
	if j == nil {
		c.refuse(notFound("object"))
		return
	}
	c.serve(j)
}

func mediaType(format string) string {
	if format == "csv" {
		return "text/csv; charset=utf-8"
	}
	return "application/json"
}

// serve streams a result of any size.
func (c *call) serve(j *job) {
	c.entry.set(func(r *Request) { r.Rows = len(j.rows) })
	if len(j.rows) == 0 && c.sw.Empty204 {
		c.send(http.StatusNoContent, "", nil)
		return
	}
	c.w.Header().Set("Content-Type", mediaType(j.format))
	w, done := c.compress()
	defer done()
	c.w.WriteHeader(http.StatusOK)
	buffered := bufio.NewWriterSize(w, 64<<10)
	write := writeJSON
	if j.format == "csv" {
		write = writeCSV
	}
	if write(buffered, j.rows, c.sw) == nil { // an error means that the client is gone
		_ = buffered.Flush()
	}
}

// compress returns a writer for the body and a function to call at the end. Call it before the header is written.
func (c *call) compress() (io.Writer, func()) {
	accepted := strings.Contains(c.r.Header.Get("Accept-Encoding"), "gzip")
	if c.sw.Gzip == "off" || (c.sw.Gzip == "accepted" && !accepted) {
		return c.w, func() {}
	}
	c.w.Header().Set("Content-Encoding", "gzip")
	zipped := gzip.NewWriter(c.w)
	return zipped, func() { _ = zipped.Close() } // the client may be gone
}

func writeJSON(w *bufio.Writer, rows []*Event, sw *Switches) error {
	opening, between, closing := "[", ",", "]"
	switch sw.JSONEnvelope {
	case "results":
		count := strconv.Itoa(len(rows))
		opening, closing = `{"num_found":`+count+`,"num_available":`+count+`,"results":[`, "]}"
	case "ndjson":
		opening, between, closing = "", "\n", "\n"
	}
	row := []byte(opening)
	for i, e := range rows {
		if i > 0 {
			row = append(row, between...)
		}
		row = appendEvent(row, e, sw)
		if _, err := w.Write(row); err != nil {
			return fmt.Errorf("write row: %w", err)
		}
		row = row[:0]
	}
	if len(rows) > 0 || sw.JSONEnvelope != "ndjson" {
		row = append(row, closing...)
	}
	_, err := w.Write(row)
	return err
}

var columnTitles = map[string]string{
	"actor": "Actor", "actor_ip": "Actor IP", "create_time": "Create Time", "description": "Description", "flagged": "Flagged",
	"org_key": "Org Key", "request_url": "Request URL", "verbose": "Verbose",
}

func writeCSV(w *bufio.Writer, rows []*Event, sw *Switches) error {
	columns, ending := sw.CSVColumns, "\r\n"
	if columns == nil {
		columns = fieldNames
	}
	if sw.CSVLineEnding == "lf" {
		ending = "\n"
	}
	line := csvHeader(columns, sw)
	if len(line) > 0 {
		line = append(line, ending...)
	}
	if sw.CSVBOM {
		line = append([]byte("\ufeff"), line...)
	}
	for _, e := range rows {
		for i, column := range columns {
			if i > 0 {
				line = append(line, ',')
			}
			line = appendCell(line, e, column, sw)
		}
		line = append(line, ending...)
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("write row: %w", err)
		}
		line = line[:0]
	}
	_, err := w.Write(line)
	return err
}

func csvHeader(columns []string, sw *Switches) []byte {
	if sw.CSVHeader == "none" {
		return nil
	}
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column
		if sw.CSVHeader == "titles" {
			names[i] = columnTitles[column]
		}
	}
	return []byte(strings.Join(names, ","))
}

// appendCell appends a cell, quoted if necessary. Line breaks in a cell stay.
func appendCell(line []byte, e *Event, column string, sw *Switches) []byte {
	if column == "create_time" {
		return appendTime(line, e.CreateTime, sw.TimeDigits)
	}
	text := textField(column)(e)
	if !strings.ContainsAny(text, ",\"\r\n") {
		return append(line, text...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(text, `"`, `""`)...)
	return append(line, '"')
}
