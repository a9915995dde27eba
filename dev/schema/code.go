package schema

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"carbonblack-auditlog-datasource/pkg/catalog"
)

// settings describes what an admin configures.
type settings struct {
	Spec         object        `json:"spec"`
	SecureValues []secureValue `json:"secureValues"`
}

type secureValue struct {
	Key string `json:"key"`
}

// calls parses the files of pkg/plugin and visits their calls and index expressions.
func calls(source fs.FS, files string, visit func(ast.Node)) error {
	names, err := fs.Glob(source, files)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		raw, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, raw, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if n != nil {
				visit(n)
			}
			return true
		})
	}
	return nil
}

// settingsIn reads the keys, types, ranges and defaults of settings from the calls that read them, such as
// r.number("maxEvents", 100_000, 1, 10_000_000).
func settingsIn(source fs.FS) (settings, error) {
	jsonData := object{"catalogRules": object{"type": "array", "maxItems": catalog.MaxRules, "items": structSchema(reflect.TypeFor[catalog.Rule]())}}
	secure := map[string]bool{}
	err := calls(source, "pkg/plugin/settings*.go", func(n ast.Node) {
		switch n := n.(type) {
		case *ast.CallExpr:
			method, isMethod := n.Fun.(*ast.SelectorExpr)
			if !isMethod || len(n.Args) < 2 {
				return
			}
			if name, isText := stringOf(n.Args[0]); isText {
				if p := property(method.Sel.Name, n.Args[1:]); p != nil {
					jsonData[name] = p
				}
			}
		case *ast.IndexExpr:
			owner, isField := n.X.(*ast.SelectorExpr)
			if name, isText := stringOf(n.Index); isText && isField && owner.Sel.Name == "DecryptedSecureJSONData" {
				secure[name] = true
			}
		}
	})
	if err != nil {
		return settings{}, err
	}
	out := settings{Spec: object{"type": "object", "properties": object{
		"url":      object{"type": "string", "description": "https, or http for a loopback host"},
		"jsonData": object{"type": "object", "properties": jsonData, "additionalProperties": true},
	}, "required": []string{"url"}}}
	for _, name := range slices.Sorted(maps.Keys(secure)) {
		out.SecureValues = append(out.SecureValues, secureValue{name})
	}
	return out, nil
}

// property returns the schema of a setting that a method of the reader reads, nil for another method.
func property(method string, args []ast.Expr) object {
	switch method {
	case "id":
		return object{"type": "string"}
	case "text":
		p := object{"type": "string"}
		if fallback, isText := stringOf(args[0]); isText && fallback != "" {
			p["default"] = fallback
		}
		return p
	case "flag":
		p := object{"type": "boolean"}
		if word, isName := args[0].(*ast.Ident); isName {
			p["default"] = word.Name == "true"
		}
		return p
	case "number":
		p := object{"type": "integer"}
		for i, key := range []string{"default", "minimum", "maximum"} {
			if i < len(args) {
				if n, isNumber := numberOf(args[i]); isNumber {
					p[key] = n
				}
			}
		}
		return p
	}
	return nil
}

func stringOf(e ast.Expr) (string, bool) {
	literal, isLiteral := e.(*ast.BasicLit)
	if !isLiteral || literal.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

func numberOf(e ast.Expr) (int64, bool) {
	literal, isLiteral := e.(*ast.BasicLit)
	if !isLiteral || literal.Kind != token.INT {
		return 0, false
	}
	n, err := strconv.ParseInt(literal.Value, 0, 64)
	return n, err == nil
}

// structSchema describes a struct of strings by its JSON tags.
func structSchema(t reflect.Type) object {
	properties := object{}
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		properties[name] = object{"type": "string"}
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

var route = regexp.MustCompile(`^(GET|POST|PUT|PATCH|DELETE) (/\S+)$`)

// routesIn reads the resource routes from the calls that register them, such as mux.HandleFunc("GET /exports/{id}", d.getExport).
func routesIn(source fs.FS) (object, error) {
	paths := object{}
	err := calls(source, "pkg/plugin/*.go", func(n ast.Node) {
		call, isCall := n.(*ast.CallExpr)
		if !isCall || len(call.Args) != 2 {
			return
		}
		text, _ := stringOf(call.Args[0])
		found := route.FindStringSubmatch(text)
		if found == nil {
			return
		}
		path := "/resources" + found[2]
		operations, known := paths[path].(object)
		if !known {
			operations = object{}
			if names := pathParameters(found[2]); len(names) > 0 {
				operations["parameters"] = names
			}
			paths[path] = operations
		}
		operations[strings.ToLower(found[1])] = object{"responses": object{"default": object{"description": "JSON, or a file"}}}
	})
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("pkg/plugin has no routes")
	}
	return object{"paths": paths}, err
}

func pathParameters(path string) []object {
	var out []object
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
		out = append(out, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	return out
}
