package simulator

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Switches choose between behaviors that the vendor does not document. The zero value of each means its default, the most
// likely behavior: the first word of `enum`, or `default`. Fields with neither are off when zero.
type Switches struct {
	// Pages of a search.
	DefaultRows  int    `json:"defaultRows" default:"20"`                    // rows of a request that does not set them
	MaxRows      int    `json:"maxRows" default:"10000"`                     // maximum rows of a request
	OverMaxRows  string `json:"overMaxRows" enum:"error,clamp"`              // answer to more than MaxRows
	Reach        int    `json:"reach" default:"10000"`                       // rows from this offset on cannot be read
	OverReach    string `json:"overReach" enum:"error,empty"`                // answer if start + rows exceeds Reach
	CapNumFound  bool   `json:"capNumFound"`                                 // num_found never exceeds Reach
	NumAvailable string `json:"numAvailable" enum:"reach,found,page,absent"` // what num_available counts
	EmptyFrom    int    `json:"emptyFrom"`                                   // pages from this start on are empty, whatever num_found says
	ShortPages   int    `json:"shortPages"`                                  // maximum rows of any page
	Ties         string `json:"ties" enum:"stable,shuffled"`                 // order of equal sort keys from request to request
	DefaultSort  string `json:"defaultSort" enum:"newest,oldest"`            // order of a request that does not set it
	Empty204     bool   `json:"empty204"`                                    // no rows: 204 without a body (search, queue, download)
	NoResultsKey bool   `json:"noResultsKey"`                                // no rows: no `results` either

	SearchLagMS int `json:"searchLagMs"` // delay until a search finds events that a queue has

	// The window of time.
	ExclusiveStart bool   `json:"exclusiveStart"`
	ExclusiveEnd   bool   `json:"exclusiveEnd"`
	BoundPrecision string `json:"boundPrecision" enum:"none,ms,s"`  // precision to which bounds are rounded down
	OneSidedTime   string `json:"oneSidedTime" enum:"error,accept"` // create_time with only start or only end

	// Matching.
	CriteriaCase     string `json:"criteriaCase" enum:"sensitive,insensitive"`
	DescriptionMatch string `json:"descriptionMatch" enum:"phrase,tokens,exact,substring"` // of criteria and exclusions
	EmptyList        string `json:"emptyList" enum:"everything,nothing"`                   // what criteria with [] match
	DefaultOperator  string `json:"defaultOperator" enum:"AND,OR"`
	DefaultField     string `json:"defaultField" enum:"description,all"` // field of a term without one
	UnknownField     string `json:"unknownField" enum:"error,nothing"`   // answer to an unknown field in the query

	// Rows.
	TimeDigits  string `json:"timeDigits" enum:"3,0,6,9,trim"`           // fraction digits of create_time; trim cuts trailing zeros
	OmitFalse   bool   `json:"omitFalse"`                                // flagged and verbose are absent when false
	EmptyText   string `json:"emptyText" enum:"null,empty,absent,mixed"` // how an empty actor_ip or request_url is written
	ExtraFields bool   `json:"extraFields"`                              // undocumented fields in every row
	ExtraKeys   bool   `json:"extraKeys"`                                // undocumented keys next to results

	// The queue.
	QueueOrder    string `json:"queueOrder" enum:"descending,ascending,shuffled"` // order in a batch; batches start with the oldest arrival
	QueueBatch    int    `json:"queueBatch" default:"2500"`
	QueueSeedDays int    `json:"queueSeedDays" default:"3"`             // days of history in a new key's queue; negative: none
	QueueSeedAt   string `json:"queueSeedAt" enum:"creation,firstRead"` // when those days end
	QueueNumFound string `json:"queueNumFound" enum:"batch,backlog"`    // what num_found of the queue counts

	// Exports and jobs.
	ExportStatus     int      `json:"exportStatus" enum:"200,201,202,303"`
	ExportRowCap     int      `json:"exportRowCap"` // maximum rows of an export
	JobIDType        string   `json:"jobIdType" enum:"int,string"`
	JobIDKey         string   `json:"jobIdKey" enum:"job_id,jobId,ref_url"` // how _export names the job
	JobType          string   `json:"jobType" default:"EXTERNAL"`
	JobInProgress    bool     `json:"jobInProgress"`                            // CREATED, then IN_PROGRESS, then COMPLETED
	JobProgress      bool     `json:"jobProgress"`                              // jobs carry a progress object
	ProgressRoute    string   `json:"progressRoute" enum:"right,stuck,missing"` // what GET …/progress says
	JobPolls         int      `json:"jobPolls" default:"1"`                     // polls until a job is complete; negative: none
	JobMS            int      `json:"jobMs"`                                    // minimum duration of a job
	JobFails         bool     `json:"jobFails"`
	JobEarly404      int      `json:"jobEarly404"`                              // polls of a new job that get 404
	EarlyDownload    string   `json:"earlyDownload" enum:"serve,404,409,empty"` // download before completion
	DownloadRedirect string   `json:"downloadRedirect" enum:"none,same,other"`  // to a signed address on this or another host
	StorageURL       string   `json:"storageUrl"`                               // base of the other host; "" swaps 127.0.0.1 and localhost
	CSVHeader        string   `json:"csvHeader" enum:"names,titles,none"`
	CSVColumns       []string `json:"csvColumns"` // their order; nil is alphabetical
	CSVLineEnding    string   `json:"csvLineEnding" enum:"crlf,lf"`
	CSVBOM           bool     `json:"csvBom"`
	JSONEnvelope     string   `json:"jsonEnvelope" enum:"array,results,ndjson"`

	// Access tokens of OAuth apps.
	TokenSeconds   int  `json:"tokenSeconds" default:"1800"`   // lifetime
	TokenNoExpiry  bool `json:"tokenNoExpiry"`                 // expires_in is absent
	TokenRejection int  `json:"tokenRejection" enum:"401,400"` // status for a wrong app ID or secret

	// Transport, errors and limits.
	Gzip             string `json:"gzip" enum:"off,accepted,always"`
	ErrorBody        string `json:"errorBody" enum:"json,empty,html"` // of 401, 403, 404 and 429
	PermissionStatus int    `json:"permissionStatus" enum:"403,401"`  // status of a missing permission
	RetryAfter       string `json:"retryAfter" enum:"seconds,date,absent"`
	RateCalls        int    `json:"rateCalls"`                 // calls per address and window; 0: no limit
	RateWindowS      int    `json:"rateWindowS" default:"300"` // seconds
	RateForgiving    bool   `json:"rateForgiving"`             // calls during a penalty do not extend it
}

// withDefaults fills in defaults and returns an error for an invalid value.
func (s Switches) withDefaults() (Switches, error) {
	if err := settleAll(&s); err != nil {
		return s, err
	}
	for _, column := range s.CSVColumns {
		if !slices.Contains(fieldNames, column) {
			return s, fmt.Errorf("csvColumns: unknown field %q", column)
		}
	}
	return s, nil
}

// settleAll sets every zero field of a struct to its default and checks every field's enum.
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
		return fmt.Errorf("%s: %v is not one of %s", field.Tag.Get("json"), v.Interface(), field.Tag.Get("enum"))
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
		panic(err) // a struct tag is invalid
	}
	v.SetInt(number)
}
