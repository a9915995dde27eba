package simulator

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Switches choose among the behaviours that the vendor does not document. The zero value of each means its default, the most
// likely behaviour: the first word of `enum`, or what `default` says. Fields without either are off when zero.
type Switches struct {
	// Pages of a search.
	DefaultRows  int    `json:"defaultRows" default:"20"`                    // rows of a request that does not say
	MaxRows      int    `json:"maxRows" default:"10000"`                     // most rows a request may ask for
	OverMaxRows  string `json:"overMaxRows" enum:"error,clamp"`              // what more than MaxRows gets
	Reach        int    `json:"reach" default:"10000"`                       // no row at or past this offset can be read
	OverReach    string `json:"overReach" enum:"error,empty"`                // what start + rows past Reach gets
	CapNumFound  bool   `json:"capNumFound"`                                 // num_found never exceeds Reach
	NumAvailable string `json:"numAvailable" enum:"reach,found,page,absent"` // what num_available counts
	EmptyFrom    int    `json:"emptyFrom"`                                   // pages that start here or later are empty whatever num_found says
	ShortPages   int    `json:"shortPages"`                                  // no page holds more rows than this
	Ties         string `json:"ties" enum:"stable,shuffled"`                 // order of equal sort keys from request to request
	DefaultSort  string `json:"defaultSort" enum:"newest,oldest"`            // order of a request that does not say
	Empty204     bool   `json:"empty204"`                                    // no rows: 204 without a body (search, queue, download)
	NoResultsKey bool   `json:"noResultsKey"`                                // no rows: no `results` either

	SearchLagMS int `json:"searchLagMs"` // a search finds events so many milliseconds after a queue has them

	// The window of time.
	ExclusiveStart bool   `json:"exclusiveStart"`
	ExclusiveEnd   bool   `json:"exclusiveEnd"`
	BoundPrecision string `json:"boundPrecision" enum:"none,ms,s"`  // bounds are cut down to this
	OneSidedTime   string `json:"oneSidedTime" enum:"error,accept"` // create_time with only start or only end

	// Matching.
	CriteriaCase     string `json:"criteriaCase" enum:"sensitive,insensitive"`
	DescriptionMatch string `json:"descriptionMatch" enum:"phrase,tokens,exact,substring"` // of criteria and exclusions
	EmptyList        string `json:"emptyList" enum:"everything,nothing"`                   // what criteria with [] match
	DefaultOperator  string `json:"defaultOperator" enum:"AND,OR"`
	DefaultField     string `json:"defaultField" enum:"description,all"` // where a bare term is looked for
	UnknownField     string `json:"unknownField" enum:"error,nothing"`   // a field in the query that does not exist

	// Rows.
	TimeDigits  string `json:"timeDigits" enum:"3,0,6,9,trim"`           // fraction digits of create_time; trim cuts trailing zeros
	OmitFalse   bool   `json:"omitFalse"`                                // flagged and verbose are absent when false
	EmptyText   string `json:"emptyText" enum:"null,empty,absent,mixed"` // how an empty actor_ip or request_url is written
	ExtraFields bool   `json:"extraFields"`                              // fields that no document names, in every row
	ExtraKeys   bool   `json:"extraKeys"`                                // keys that no document names, beside results

	// The queue.
	QueueOrder    string `json:"queueOrder" enum:"descending,ascending,shuffled"` // within a batch; batches go oldest arrival first
	QueueBatch    int    `json:"queueBatch" default:"2500"`
	QueueSeedDays int    `json:"queueSeedDays" default:"3"`             // days of history a new key finds; negative: none
	QueueSeedAt   string `json:"queueSeedAt" enum:"creation,firstRead"` // when those days end
	QueueNumFound string `json:"queueNumFound" enum:"batch,backlog"`    // what num_found of the queue counts

	// Exports and jobs.
	ExportStatus     int      `json:"exportStatus" enum:"200,201,202,303"`
	ExportRowCap     int      `json:"exportRowCap"` // most rows of an export
	JobIDType        string   `json:"jobIdType" enum:"int,string"`
	JobIDKey         string   `json:"jobIdKey" enum:"job_id,jobId,ref_url"` // how _export names the job
	JobType          string   `json:"jobType" default:"EXTERNAL"`
	JobInProgress    bool     `json:"jobInProgress"`                            // CREATED, then IN_PROGRESS, then COMPLETED
	JobProgress      bool     `json:"jobProgress"`                              // jobs carry a progress object
	ProgressRoute    string   `json:"progressRoute" enum:"right,stuck,missing"` // what GET …/progress says
	JobPolls         int      `json:"jobPolls" default:"1"`                     // looks at a job that find it unfinished; negative: none
	JobMS            int      `json:"jobMs"`                                    // milliseconds a job takes at least
	JobFails         bool     `json:"jobFails"`
	JobEarly404      int      `json:"jobEarly404"`                              // first looks at a new job that answer 404
	EarlyDownload    string   `json:"earlyDownload" enum:"serve,404,409,empty"` // download before completion
	DownloadRedirect string   `json:"downloadRedirect" enum:"none,same,other"`  // to a signed address on this or another host
	StorageURL       string   `json:"storageUrl"`                               // base of the other host; "" swaps 127.0.0.1 and localhost
	CSVHeader        string   `json:"csvHeader" enum:"names,titles,none"`
	CSVColumns       []string `json:"csvColumns"` // their order; nil is alphabetical
	CSVLineEnding    string   `json:"csvLineEnding" enum:"crlf,lf"`
	CSVBOM           bool     `json:"csvBom"`
	JSONEnvelope     string   `json:"jsonEnvelope" enum:"array,results,ndjson"`

	// Transport, errors and limits.
	Gzip             string `json:"gzip" enum:"off,accepted,always"`
	ErrorBody        string `json:"errorBody" enum:"json,empty,html"` // of 401, 403, 404 and 429
	PermissionStatus int    `json:"permissionStatus" enum:"403,401"`  // what a missing permission gets
	RetryAfter       string `json:"retryAfter" enum:"seconds,date,absent"`
	RateCalls        int    `json:"rateCalls"`                 // calls an address may make in the window; 0: any number
	RateWindowS      int    `json:"rateWindowS" default:"300"` // seconds
	RateForgiving    bool   `json:"rateForgiving"`             // calls during a penalty do not extend it
}

// withDefaults fills what is zero and says which value no switch has.
func (s Switches) withDefaults() (Switches, error) {
	if err := settleAll(&s); err != nil {
		return s, err
	}
	for _, column := range s.CSVColumns {
		if !slices.Contains(fieldNames, column) {
			return s, fmt.Errorf("csvColumns: no field %q", column)
		}
	}
	return s, nil
}

// settleAll gives every zero field of a struct its default and holds every field to its words.
func settleAll(pointer any) error {
	v := reflect.ValueOf(pointer).Elem()
	for i := range v.NumField() {
		if err := settle(v.Field(i), v.Type().Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func settle(v reflect.Value, field reflect.StructField) error {
	words := strings.Split(field.Tag.Get("enum"), ",")
	initial := words[0]
	if number, ok := field.Tag.Lookup("default"); ok {
		initial = number
	}
	if v.IsZero() && initial != "" {
		set(v, initial)
	}
	if words[0] != "" && !slices.Contains(words, fmt.Sprint(v.Interface())) {
		return fmt.Errorf("%s: %v is none of %s", field.Tag.Get("json"), v.Interface(), field.Tag.Get("enum"))
	}
	return nil
}

func set(v reflect.Value, text string) {
	if v.Kind() == reflect.String {
		v.SetString(text)
		return
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err) // a struct tag is wrong
	}
	v.SetInt(number)
}
