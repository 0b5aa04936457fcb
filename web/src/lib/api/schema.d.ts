// Made from openapi.json by `npm run api`; not to be edited.
export interface paths {
    "/api/account": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change one's name, language or theme */
        patch: operations["update_account"];
        trace?: never;
    };
    "/api/account/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Change one's password; every other session of the account ends */
        put: operations["change_password"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Apps of the workspace, newest first */
        get: operations["list_apps"];
        put?: never;
        /** A new app with an empty draft */
        post: operations["create_app"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An app with its draft */
        get: operations["get_app"];
        put?: never;
        post?: never;
        /** Delete an app; its keys stop working */
        delete: operations["delete_app"];
        options?: never;
        head?: never;
        /** Change an app's settings */
        patch: operations["update_app"];
        trace?: never;
    };
    "/api/apps/{app_id}/annotation-reply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Switch annotation replies on or off, with the workspace's default embedding model */
        put: operations["set_annotation_reply"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/annotations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Annotations of an app, newest first */
        get: operations["list_annotations"];
        put?: never;
        /** Add an annotation */
        post: operations["create_annotation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/annotations/{annotation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Change an annotation */
        put: operations["update_annotation"];
        post?: never;
        /** Delete an annotation */
        delete: operations["delete_annotation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Replace the draft; 409 when someone else changed it since */
        put: operations["replace_draft"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/duplicate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A copy of the app's draft; keys, versions and conversations are not copied */
        post: operations["duplicate_app"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The app as a DSL file, without secrets */
        get: operations["export_app"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Keys of an app */
        get: operations["list_app_keys"];
        put?: never;
        /** Make a key of an app */
        post: operations["create_app_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a key of an app; it stops working at once */
        delete: operations["delete_app_key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask the app as it is being edited. The answer is a stream of the events of `/v1/chat-messages`. */
        post: operations["create_preview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/preview/{message_id}/suggested-questions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Questions that may follow an answer of the preview. */
        get: operations["list_preview_suggestions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/preview/{task_id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a preview of one's own. */
        post: operations["stop_preview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a version of the draft and give it to callers */
        post: operations["publish_app"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/triggers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The triggers of an app */
        get: operations["list_triggers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/triggers/{trigger_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Switch a trigger on or off
         * @description A schedule that is switched on fires at its next time; those that passed while it was off are not made up for.
         */
        patch: operations["update_trigger"];
        trace?: never;
    };
    "/api/apps/{app_id}/triggers/{trigger_id}/renew-url": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a webhook another URL; the one of before stops working at once */
        post: operations["renew_webhook_url"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Published versions, newest first */
        get: operations["list_versions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/versions/{version_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One version with its config */
        get: operations["get_version"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/versions/{version_id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a version the draft again; what is published stays */
        post: operations["restore_version"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make an app from a DSL file */
        post: operations["import_app"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/import/{import_id}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a pending import although its version differs */
        post: operations["confirm_import"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit-log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What was done in the console, newest first */
        get: operations["list_audit_log"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Upload a file to send with a preview */
        post: operations["upload_file"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Invitations not accepted yet */
        get: operations["list_invitations"];
        put?: never;
        /** Invite somebody; a second invitation of the same address replaces the first */
        post: operations["create_invitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/invitations/{invitation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Withdraw an invitation */
        delete: operations["delete_invitation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/invitations/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What an invitation link invites to */
        get: operations["get_invitation"];
        put?: never;
        /** Join the workspace and sign in */
        post: operations["accept_invitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Keys of the workspace */
        get: operations["list_keys"];
        put?: never;
        /** Make a key of the workspace */
        post: operations["create_workspace_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a key of the workspace; it stops working at once */
        delete: operations["delete_key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Members of the workspace */
        get: operations["list_members"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/members/{account_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Remove a member; their sessions in this workspace end */
        delete: operations["remove_member"];
        options?: never;
        head?: never;
        /** Change a member's role */
        patch: operations["update_member"];
        trace?: never;
    };
    "/api/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The models this workspace can use */
        get: operations["list_models"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/models/local/{name}/load": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a local model into memory
         * @description Returns at once; ask again until its status is `ready` or `failed`.
         */
        post: operations["load_model"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/models/local/{name}/unload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a local model out of memory
         * @description Answers that are being written are finished first. The next request for the model loads it again.
         */
        post: operations["unload_model"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The workspace's remote providers */
        get: operations["list_providers"];
        put?: never;
        /** Add a remote provider */
        post: operations["create_provider"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/providers/{provider_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One provider */
        get: operations["get_provider"];
        put?: never;
        post?: never;
        /** Remove a provider with its models */
        delete: operations["delete_provider"];
        options?: never;
        head?: never;
        /** Change a provider */
        patch: operations["update_provider"];
        trace?: never;
    };
    "/api/providers/{provider_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask a provider for its models */
        post: operations["test_provider"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is signed in */
        get: operations["get_session"];
        put?: never;
        /** Sign in */
        post: operations["sign_in"];
        /** Sign out */
        delete: operations["sign_out"];
        options?: never;
        head?: never;
        /** Switch to another workspace of the account */
        patch: operations["switch_workspace"];
        trace?: never;
    };
    "/api/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether this server waits for its first account */
        get: operations["get_setup"];
        put?: never;
        /** Make the first account */
        post: operations["set_up"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every tool that apps of this workspace can use, by provider */
        get: operations["list_tools"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tools/call": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Call a tool, with settings and arguments together
         * @description A workflow is tried out by running its app.
         */
        post: operations["call_tool"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tools/mcp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The workspace's MCP servers */
        get: operations["list_mcp_servers"];
        put?: never;
        /** Add an MCP server, which is asked for its tools */
        post: operations["create_mcp_server"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tools/mcp/{mcp_server_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One MCP server */
        get: operations["get_mcp_server"];
        put?: never;
        post?: never;
        /** Remove an MCP server */
        delete: operations["delete_mcp_server"];
        options?: never;
        head?: never;
        /** Change an MCP server; asked for its tools again when its URL or headers change */
        patch: operations["update_mcp_server"];
        trace?: never;
    };
    "/api/tools/mcp/{mcp_server_id}/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask an MCP server for its tools again */
        post: operations["refresh_mcp_server"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tools/openapi": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The workspace's custom tool providers */
        get: operations["list_openapi_providers"];
        put?: never;
        /** Add a custom tool provider */
        post: operations["create_openapi_provider"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tools/openapi/{tool_provider_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One custom tool provider with its document */
        get: operations["get_openapi_provider"];
        put?: never;
        post?: never;
        /** Remove a custom tool provider with its tools */
        delete: operations["delete_openapi_provider"];
        options?: never;
        head?: never;
        /** Change a custom tool provider */
        patch: operations["update_openapi_provider"];
        trace?: never;
    };
    "/api/tools/openapi/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What an OpenAPI document would give as tools */
        post: operations["preview_openapi"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tools/workflows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The workspace's workflows that are tools */
        get: operations["list_workflow_tools"];
        put?: never;
        /**
         * Make a tool of a published workflow
         * @description Calling it runs what is published of the app at that moment.
         */
        post: operations["create_workflow_tool"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tools/workflows/{workflow_tool_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One workflow that is a tool */
        get: operations["get_workflow_tool"];
        put?: never;
        post?: never;
        /** Let a workflow be a tool no more; the app stays */
        delete: operations["delete_workflow_tool"];
        options?: never;
        head?: never;
        /** Change how a workflow looks as a tool */
        patch: operations["update_workflow_tool"];
        trace?: never;
    };
    "/api/workspace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The current workspace */
        get: operations["get_workspace"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Rename the current workspace or choose its default models */
        patch: operations["update_workspace"];
        trace?: never;
    };
    "/api/workspaces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make another workspace, as its owner */
        post: operations["create_workspace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AcceptInvitation: {
            /** @description Needed when the address has no account yet */
            name?: string | null;
            password: string;
            token: string;
        };
        Account: {
            email: string;
            id: components["schemas"]["AccountId"];
            /** @description Of the console, as a BCP 47 tag */
            language: string;
            name: string;
            theme: components["schemas"]["Theme"];
        };
        /** Format: uuid */
        AccountId: string;
        /** @description An answer that a person wrote. */
        Annotation: {
            answer: string;
            /** Format: date-time */
            created_at: string;
            /** @description Null when it came through the API */
            created_by_name?: string | null;
            /** Format: int32 */
            hit_count: number;
            id: components["schemas"]["AnnotationId"];
            question: string;
        };
        /** Format: uuid */
        AnnotationId: string;
        ApiKey: {
            /** Format: date-time */
            created_at: string;
            /** @description Prefix and last characters, to tell keys apart */
            hint: string;
            id: components["schemas"]["ApiKeyId"];
            kind: components["schemas"]["KeyKind"];
            /**
             * Format: date-time
             * @description Exact to a minute
             */
            last_used_at?: string | null;
            name: string;
        };
        /** Format: uuid */
        ApiKeyId: string;
        App: components["schemas"]["AppSummary"] & {
            annotation_reply: components["schemas"]["Settings"];
            /** @description `model_config` or `workflow` section of the app's DSL */
            draft: Record<string, unknown>;
            /**
             * Format: int64
             * @description Send it back with a changed draft
             */
            draft_revision: number;
            enable_api: boolean;
            enable_site: boolean;
            has_unpublished_changes: boolean;
            /**
             * Format: int32
             * @description Requests at one time; 0 = no limit
             */
            max_active_requests: number;
            published_version?: null | components["schemas"]["AppVersion"];
            site: components["schemas"]["Site"];
        };
        /** Format: uuid */
        AppId: string;
        /**
         * @description What kind of app; never changes.
         * @enum {string}
         */
        AppMode: "chat" | "completion" | "agent-chat" | "advanced-chat" | "workflow";
        /** @description One line of the app list. */
        AppSummary: {
            /** Format: date-time */
            created_at: string;
            /** @description Null when the account is gone or the command line made the app */
            created_by_name?: string | null;
            description: string;
            icon: string;
            icon_background: string;
            /** @description emoji, image or link */
            icon_type: string;
            id: components["schemas"]["AppId"];
            mode: components["schemas"]["AppMode"];
            name: string;
            /** @description Callers get an answer from it */
            published: boolean;
            tags: string[];
            /** Format: date-time */
            updated_at: string;
        };
        AppVersion: {
            /** @description Only when one version is asked for */
            config?: Record<string, unknown> | null;
            /** Format: date-time */
            created_at: string;
            created_by_name?: string | null;
            /** @description The one that callers get */
            current: boolean;
            id: components["schemas"]["AppVersionId"];
            name: string;
            note: string;
            /**
             * Format: int32
             * @description Counts from 1 in each app
             */
            number: number;
        };
        /** Format: uuid */
        AppVersionId: string;
        AuditEntry: {
            account_email?: string | null;
            account_id?: null | components["schemas"]["AccountId"];
            account_name?: string | null;
            action: string;
            /** Format: date-time */
            created_at: string;
            detail: unknown;
            /** Format: uuid */
            id: string;
            ip?: string | null;
            target_id: string;
            target_type: string;
        };
        /** @description How a provider's requests show who sends them. The key itself is kept apart. */
        Auth: {
            /** @enum {string} */
            type: "none";
        } | {
            /** @description Of the header */
            name?: string;
            scheme?: components["schemas"]["Scheme"];
            /** @enum {string} */
            type: "header";
        } | {
            /** @description Of the query parameter */
            name: string;
            /** @enum {string} */
            type: "query";
        };
        /** @description The answer in blocking mode. */
        BlockingAnswer: {
            answer: string;
            conversation_id?: null | components["schemas"]["ConversationId"];
            /** Format: int64 */
            created_at: number;
            event: string;
            id: components["schemas"]["MessageId"];
            message_id: components["schemas"]["MessageId"];
            metadata: Record<string, unknown>;
            mode: string;
            task_id: components["schemas"]["TaskId"];
        };
        /** @description What a run came to, in blocking mode. */
        BlockingRun: {
            data: components["schemas"]["RunData"];
            task_id: components["schemas"]["TaskId"];
            workflow_run_id: components["schemas"]["WorkflowRunId"];
        };
        /** @description A call for trying a tool out. */
        CallTool: components["schemas"]["ToolRef"] & {
            arguments?: Record<string, unknown>;
        };
        ChangePassword: {
            current_password: string;
            new_password: string;
        };
        /** @description A question to a chat app. Unknown fields are ignored. */
        ChatRequest: {
            /** @description Let the model name a new conversation */
            auto_generate_name?: boolean;
            /** @description The conversation to go on with; empty or null starts one */
            conversation_id?: string | null;
            files?: components["schemas"]["InputFile"][];
            /** @description Values of the app's form; may be empty */
            inputs: {
                [key: string]: unknown;
            };
            query: string;
            response_mode?: null | components["schemas"]["ResponseMode"];
            /** @description Who asks, unique inside the app */
            user: string;
            /** @description Chatflows: the published version that answers, in place of the current one */
            workflow_id?: string | null;
        };
        /** @description A call of a completion app. */
        CompletionRequest: {
            files?: components["schemas"]["InputFile"][];
            inputs: {
                [key: string]: unknown;
            };
            query?: string;
            response_mode?: null | components["schemas"]["ResponseMode"];
            user: string;
        };
        Content: {
            answer: string;
            question: string;
        };
        Conversation: {
            /**
             * Format: int64
             * @description Unix seconds
             */
            created_at: number;
            id: components["schemas"]["ConversationId"];
            inputs: Record<string, unknown>;
            introduction?: string | null;
            name: string;
            status: string;
            /** Format: int64 */
            updated_at: number;
        };
        /** Format: uuid */
        ConversationId: string;
        /** Format: uuid */
        ConversationVariableId: string;
        CreateApp: {
            description?: string;
            icon?: string | null;
            icon_background?: string | null;
            icon_type?: null | components["schemas"]["IconType"];
            mode: components["schemas"]["AppMode"];
            name: string;
        };
        CreateAppKey: {
            name?: string;
        };
        CreatedApiKey: components["schemas"]["ApiKey"] & {
            /** @description The key itself; shown only now */
            token: string;
        };
        CreatedInvitation: components["schemas"]["Invitation"] & {
            /** @description The link to send; shown only now */
            url: string;
        };
        CreateFeedback: {
            content?: string | null;
            rating?: null | components["schemas"]["Rating"];
        };
        CreateInvitation: {
            email: string;
            /** @description Any but `owner` */
            role: components["schemas"]["Role"];
        };
        CreateKey: {
            kind: components["schemas"]["WorkspaceKeyKind"];
            name?: string;
        };
        CreateMcpServer: {
            description?: string;
            /** @description Sent with every request */
            headers?: {
                [key: string]: string;
            };
            name: string;
            /** Format: int32 */
            timeout_ms?: number;
            /** @description Of its streamable HTTP endpoint, as in `https://example.com/mcp` */
            url: string;
        };
        /** @description Either `document` or `document_url`. */
        CreateOpenapiProvider: {
            api_key?: string | null;
            auth?: components["schemas"]["Auth"];
            description?: string;
            /** @description JSON or YAML */
            document?: string | null;
            document_url?: string | null;
            name: string;
            /** Format: int32 */
            timeout_ms?: number;
        };
        CreatePreview: {
            /** @description Settings not saved yet; without them the draft answers */
            config?: Record<string, unknown> | null;
            conversation_id?: null | components["schemas"]["ConversationId"];
            files?: components["schemas"]["InputFile"][] | null;
            inputs?: {
                [key: string]: unknown;
            };
            query?: string;
        };
        CreateProvider: {
            api_key?: string | null;
            base_url: string;
            /** Format: int32 */
            max_retries?: number;
            models?: components["schemas"]["ProviderModel"][];
            name: string;
            /** Format: int32 */
            timeout_ms?: number;
        };
        CreateWorkflowTool: {
            /** @description A published app of mode `workflow` that begins with a start node */
            app_id: components["schemas"]["AppId"];
            /** @description For the model: what the tool does, when to use it */
            description: string;
            /** @description For people; without it the app's name */
            label?: string | null;
            /** @description Letters, digits and underscores */
            name: string;
            parameters?: components["schemas"]["ParameterSetting"][];
        };
        CreateWorkspace: {
            name: string;
        };
        /** @description A page by cursor. */
        CursorPage_Conversation: {
            data: {
                /**
                 * Format: int64
                 * @description Unix seconds
                 */
                created_at: number;
                id: components["schemas"]["ConversationId"];
                inputs: Record<string, unknown>;
                introduction?: string | null;
                name: string;
                status: string;
                /** Format: int64 */
                updated_at: number;
            }[];
            has_more: boolean;
            /** Format: int64 */
            limit: number;
        };
        /** @description A page by cursor. */
        CursorPage_Message: {
            data: {
                agent_thoughts: Record<string, unknown>[];
                answer: string;
                /** Format: int32 */
                answer_tokens: number;
                conversation_id?: null | components["schemas"]["ConversationId"];
                /** Format: int64 */
                created_at: number;
                currency?: string | null;
                error?: string | null;
                extra_contents: Record<string, unknown>[];
                feedback?: null | components["schemas"]["Feedback"];
                id: components["schemas"]["MessageId"];
                inputs: Record<string, unknown>;
                message_files: Record<string, unknown>[];
                /** Format: int32 */
                message_tokens: number;
                parent_message_id?: null | components["schemas"]["MessageId"];
                /** Format: double */
                provider_response_latency: number;
                query: string;
                retriever_resources: Record<string, unknown>[];
                /** @description `normal`, `error` or `paused` */
                status: string;
                total_price?: string | null;
                /** Format: int32 */
                total_tokens: number;
            }[];
            has_more: boolean;
            /** Format: int64 */
            limit: number;
        };
        /** @description A page by cursor. */
        CursorPage_Variable: {
            data: {
                /** Format: int64 */
                created_at: number;
                description: string;
                id: components["schemas"]["ConversationVariableId"];
                name: string;
                /** Format: int64 */
                updated_at: number;
                /** @description Always text, or null */
                value?: string | null;
                value_type: string;
            }[];
            has_more: boolean;
            /** Format: int64 */
            limit: number;
        };
        /** @description Models that new apps and features of the workspace start with; a missing kind means the instance's default. */
        DefaultModels: {
            llm?: null | components["schemas"]["ModelName"];
            rerank?: null | components["schemas"]["ModelName"];
            "text-embedding"?: null | components["schemas"]["ModelName"];
        };
        DuplicateApp: {
            name?: string | null;
        };
        EndUser: {
            /** Format: uuid */
            id: string;
            is_anonymous: boolean;
            session_id: string;
            type: string;
        };
        /** Format: uuid */
        EndUserId: string;
        Entry: {
            /** Format: int64 */
            created_at: number;
            created_by_account?: null | components["schemas"]["Account"];
            created_by_end_user?: null | components["schemas"]["EndUser"];
            created_by_role: string;
            created_from: string;
            details?: Record<string, unknown> | null;
            id: components["schemas"]["WorkflowRunId"];
            workflow_run: components["schemas"]["LoggedRun"];
        };
        /** @enum {string} */
        Feature: "vision" | "tools" | "structured_output";
        Feedback: {
            app_id: components["schemas"]["AppId"];
            content?: string | null;
            conversation_id?: null | components["schemas"]["ConversationId"];
            /** @description ISO 8601 */
            created_at: string;
            from_account_id?: null | components["schemas"]["AccountId"];
            from_end_user_id?: null | components["schemas"]["EndUserId"];
            from_source: string;
            id: components["schemas"]["FeedbackId"];
            message_id: components["schemas"]["MessageId"];
            rating: string;
            updated_at: string;
        };
        /** Format: uuid */
        FeedbackId: string;
        Feedbacks: {
            data: components["schemas"]["Feedback"][];
        };
        /**
         * @description What a file is for an app; follows from its extension.
         * @enum {string}
         */
        FileKind: "image" | "document" | "audio" | "video" | "custom";
        /**
         * @description Who fills in a parameter.
         * @enum {string}
         */
        Form: "llm" | "form";
        /** @description An answer to a form. */
        FormAnswer: {
            /** @description Id of one of its actions */
            action: string;
            /** @description Values of the form's inputs */
            inputs: {
                [key: string]: unknown;
            };
            user: string;
        };
        /** @description What a form shows. */
        FormPage: {
            /** Format: int64 */
            expiration_time: number;
            /** @description Markdown */
            form_content: string;
            inputs: Record<string, unknown>[];
            resolved_default_values: Record<string, unknown>;
            user_actions: Record<string, unknown>[];
        };
        /** @enum {string} */
        IconType: "emoji" | "image" | "link";
        ImportApp: {
            /** @description Where the file is; links to GitHub pages are understood */
            url?: string | null;
            /** @description Text of the file */
            yaml?: string | null;
        };
        ImportResult: {
            app?: null | components["schemas"]["App"];
            /**
             * Format: uuid
             * @description To confirm a pending import with, for ten minutes
             */
            import_id?: string | null;
            status: components["schemas"]["ImportStatus"];
            warnings: string[];
        };
        /** @enum {string} */
        ImportStatus: "completed" | "completed_with_warnings" | "pending";
        /** @description One element of `files`. */
        InputFile: {
            transfer_method: components["schemas"]["TransferMethod"];
            type: components["schemas"]["FileKind"];
            /** @description For `local_file` */
            upload_file_id?: string | null;
            /** @description For `remote_url` */
            url?: string | null;
        };
        Invitation: {
            /** Format: date-time */
            created_at: string;
            email: string;
            /** Format: date-time */
            expires_at: string;
            id: components["schemas"]["InvitationId"];
            role: components["schemas"]["Role"];
        };
        /** Format: uuid */
        InvitationId: string;
        InvitationPreview: {
            /** @description Accept with the account's password; otherwise with a name and a new password */
            account_exists: boolean;
            email: string;
            role: components["schemas"]["Role"];
            workspace_name: string;
        };
        /** @enum {string} */
        KeyKind: "app" | "dataset" | "model";
        /** @description A console list. */
        List_Annotation: {
            data: {
                answer: string;
                /** Format: date-time */
                created_at: string;
                /** @description Null when it came through the API */
                created_by_name?: string | null;
                /** Format: int32 */
                hit_count: number;
                id: components["schemas"]["AnnotationId"];
                question: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_ApiKey: {
            data: {
                /** Format: date-time */
                created_at: string;
                /** @description Prefix and last characters, to tell keys apart */
                hint: string;
                id: components["schemas"]["ApiKeyId"];
                kind: components["schemas"]["KeyKind"];
                /**
                 * Format: date-time
                 * @description Exact to a minute
                 */
                last_used_at?: string | null;
                name: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_AppSummary: {
            data: {
                /** Format: date-time */
                created_at: string;
                /** @description Null when the account is gone or the command line made the app */
                created_by_name?: string | null;
                description: string;
                icon: string;
                icon_background: string;
                /** @description emoji, image or link */
                icon_type: string;
                id: components["schemas"]["AppId"];
                mode: components["schemas"]["AppMode"];
                name: string;
                /** @description Callers get an answer from it */
                published: boolean;
                tags: string[];
                /** Format: date-time */
                updated_at: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_AppVersion: {
            data: {
                /** @description Only when one version is asked for */
                config?: Record<string, unknown> | null;
                /** Format: date-time */
                created_at: string;
                created_by_name?: string | null;
                /** @description The one that callers get */
                current: boolean;
                id: components["schemas"]["AppVersionId"];
                name: string;
                note: string;
                /**
                 * Format: int32
                 * @description Counts from 1 in each app
                 */
                number: number;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_AuditEntry: {
            data: {
                account_email?: string | null;
                account_id?: null | components["schemas"]["AccountId"];
                account_name?: string | null;
                action: string;
                /** Format: date-time */
                created_at: string;
                detail: unknown;
                /** Format: uuid */
                id: string;
                ip?: string | null;
                target_id: string;
                target_type: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_Invitation: {
            data: {
                /** Format: date-time */
                created_at: string;
                email: string;
                /** Format: date-time */
                expires_at: string;
                id: components["schemas"]["InvitationId"];
                role: components["schemas"]["Role"];
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_McpServer: {
            data: {
                /** Format: date-time */
                created_at: string;
                description: string;
                /** @description The values are never shown */
                header_names: string[];
                /** Format: uuid */
                id: string;
                /** @description What an app's `provider_name` holds */
                name: string;
                /**
                 * Format: int32
                 * @description For a whole call
                 */
                timeout_ms: number;
                /** @description As listed last */
                tools: components["schemas"]["ToolInfo"][];
                /** Format: date-time */
                tools_refreshed_at: string;
                /** Format: date-time */
                updated_at: string;
                url: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_Member: {
            data: {
                account_id: components["schemas"]["AccountId"];
                /** Format: date-time */
                created_at: string;
                email: string;
                /** Format: date-time */
                last_login_at?: string | null;
                name: string;
                role: components["schemas"]["Role"];
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_Model: {
            data: {
                /** @description Of local models, as the checkpoint names it */
                architecture?: string | null;
                /** @description Tokens of prompt and answer together */
                context_size: number;
                /** @description Of `vision`, `tools`, `structured_output` */
                features: string[];
                is_default: boolean;
                /** @description `llm`, `text-embedding` or `rerank` */
                kind: string;
                /**
                 * Format: int64
                 * @description Bytes that it holds in memory
                 */
                memory_bytes?: number | null;
                name: string;
                prices?: null | components["schemas"]["Prices"];
                /** @description `local` or the name of a provider */
                provider: string;
                /** @description Why it failed or is refused */
                reason?: string | null;
                /** @description `available` (not in memory), `loading`, `ready`, `failed` or `refused` */
                status: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_OpenapiProvider: {
            data: {
                auth: components["schemas"]["Auth"];
                /** Format: date-time */
                created_at: string;
                description: string;
                /** @description Where the document came from, if from a URL */
                document_url?: string | null;
                /** @description The key itself is never shown */
                has_api_key: boolean;
                /** Format: uuid */
                id: string;
                /** @description What an app's `provider_name` holds */
                name: string;
                /**
                 * Format: int32
                 * @description For a whole call
                 */
                timeout_ms: number;
                tools: components["schemas"]["ToolInfo"][];
                /** Format: date-time */
                updated_at: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_Provider: {
            data: {
                base_url: string;
                /** Format: date-time */
                created_at: string;
                /** @description The key itself is never shown */
                has_api_key: boolean;
                /** Format: uuid */
                id: string;
                /** Format: int32 */
                max_retries: number;
                models: components["schemas"]["ProviderModel"][];
                /** @description What an app's `model.provider` holds */
                name: string;
                /**
                 * Format: int32
                 * @description Longest silence, in milliseconds
                 */
                timeout_ms: number;
                /** Format: date-time */
                updated_at: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_ToolProvider: {
            data: {
                description: string;
                id: string;
                label: string;
                name: string;
                provider_type: components["schemas"]["ProviderType"];
                tools: components["schemas"]["ToolInfo"][];
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_Trigger: {
            data: {
                /** @description Of schedules, as published */
                cron_expression?: string | null;
                /** @description Else it does not fire */
                enabled: boolean;
                /** @description Why it can't fire: the node's field and what is wrong with it */
                error?: string | null;
                /** Format: uuid */
                id: string;
                kind: components["schemas"]["TriggerKind"];
                /** Format: date-time */
                last_fired_at?: string | null;
                /** Format: date-time */
                next_fire_at?: string | null;
                node_id: string;
                /** @description Whether the published version has it; else it can be tried out only */
                published: boolean;
                timezone?: string | null;
                title: string;
                /** @description Of webhooks: starts the draft */
                webhook_debug_url?: string | null;
                /** @description Of webhooks: starts the published version. Who knows it may */
                webhook_url?: string | null;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_WorkflowTool: {
            data: {
                app_id: components["schemas"]["AppId"];
                app_name: string;
                /** Format: date-time */
                created_at: string;
                description: string;
                /** @description Why it can't be called */
                error?: string | null;
                /** Format: uuid */
                id: string;
                label: string;
                /** @description What models call it */
                name: string;
                /** @description What was said of its inputs; of others their labels are shown */
                parameters: components["schemas"]["ParameterSetting"][];
                tool?: null | components["schemas"]["ToolInfo"];
                /** Format: date-time */
                updated_at: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        LoggedRun: {
            /** Format: int64 */
            created_at: number;
            /** Format: double */
            elapsed_time: number;
            error?: string | null;
            /** Format: int32 */
            exceptions_count: number;
            /** Format: int64 */
            finished_at?: number | null;
            id: components["schemas"]["WorkflowRunId"];
            status: string;
            /** Format: int32 */
            total_steps: number;
            /** Format: int64 */
            total_tokens: number;
            triggered_from: string;
            version: string;
        };
        LogPage: {
            data: components["schemas"]["Entry"][];
            has_more: boolean;
            /** Format: int64 */
            limit: number;
            /** Format: int64 */
            page: number;
            /** Format: int64 */
            total: number;
        };
        /** @description An MCP server. */
        McpServer: {
            /** Format: date-time */
            created_at: string;
            description: string;
            /** @description The values are never shown */
            header_names: string[];
            /** Format: uuid */
            id: string;
            /** @description What an app's `provider_name` holds */
            name: string;
            /**
             * Format: int32
             * @description For a whole call
             */
            timeout_ms: number;
            /** @description As listed last */
            tools: components["schemas"]["ToolInfo"][];
            /** Format: date-time */
            tools_refreshed_at: string;
            /** Format: date-time */
            updated_at: string;
            url: string;
        };
        Member: {
            account_id: components["schemas"]["AccountId"];
            /** Format: date-time */
            created_at: string;
            email: string;
            /** Format: date-time */
            last_login_at?: string | null;
            name: string;
            role: components["schemas"]["Role"];
        };
        /** @description A question and its answer. */
        Message: {
            agent_thoughts: Record<string, unknown>[];
            answer: string;
            /** Format: int32 */
            answer_tokens: number;
            conversation_id?: null | components["schemas"]["ConversationId"];
            /** Format: int64 */
            created_at: number;
            currency?: string | null;
            error?: string | null;
            extra_contents: Record<string, unknown>[];
            feedback?: null | components["schemas"]["Feedback"];
            id: components["schemas"]["MessageId"];
            inputs: Record<string, unknown>;
            message_files: Record<string, unknown>[];
            /** Format: int32 */
            message_tokens: number;
            parent_message_id?: null | components["schemas"]["MessageId"];
            /** Format: double */
            provider_response_latency: number;
            query: string;
            retriever_resources: Record<string, unknown>[];
            /** @description `normal`, `error` or `paused` */
            status: string;
            total_price?: string | null;
            /** Format: int32 */
            total_tokens: number;
        };
        /** Format: uuid */
        MessageId: string;
        /** @description A model of the catalog. */
        Model: {
            /** @description Of local models, as the checkpoint names it */
            architecture?: string | null;
            /** @description Tokens of prompt and answer together */
            context_size: number;
            /** @description Of `vision`, `tools`, `structured_output` */
            features: string[];
            is_default: boolean;
            /** @description `llm`, `text-embedding` or `rerank` */
            kind: string;
            /**
             * Format: int64
             * @description Bytes that it holds in memory
             */
            memory_bytes?: number | null;
            name: string;
            prices?: null | components["schemas"]["Prices"];
            /** @description `local` or the name of a provider */
            provider: string;
            /** @description Why it failed or is refused */
            reason?: string | null;
            /** @description `available` (not in memory), `loading`, `ready`, `failed` or `refused` */
            status: string;
        };
        ModelName: {
            name: string;
            /** @description `local` or the name of one of the workspace's providers */
            provider: string;
        };
        /** @description How apps name a model: `provider: local, name: default` is the bundled or configured default. */
        ModelRef: {
            name: string;
            /** @description `local`, or the name of a provider of the workspace. */
            provider: string;
        };
        /** @description What a document would give. */
        OpenapiPreview: {
            description: string;
            /** @description The document itself, for one that was given as a URL */
            document: string;
            /** @description The servers that its tools call */
            servers: string[];
            title: string;
            tools: components["schemas"]["ToolInfo"][];
        };
        /** @description A custom tool provider. */
        OpenapiProvider: {
            auth: components["schemas"]["Auth"];
            /** Format: date-time */
            created_at: string;
            description: string;
            /** @description Where the document came from, if from a URL */
            document_url?: string | null;
            /** @description The key itself is never shown */
            has_api_key: boolean;
            /** Format: uuid */
            id: string;
            /** @description What an app's `provider_name` holds */
            name: string;
            /**
             * Format: int32
             * @description For a whole call
             */
            timeout_ms: number;
            tools: components["schemas"]["ToolInfo"][];
            /** Format: date-time */
            updated_at: string;
        };
        /** @description A custom tool provider with its document. */
        OpenapiProviderDetail: components["schemas"]["OpenapiProvider"] & {
            /** @description As it was given */
            document: string;
        };
        /** @description Either of the two. */
        OpenapiSource: {
            /** @description JSON or YAML */
            document?: string | null;
            document_url?: string | null;
        };
        /** @description A value that a tool gives under a name of its own. */
        OutputVariable: {
            name: string;
            schema: Record<string, unknown>;
        };
        /** @description One argument of a tool. */
        Parameter: {
            description: string;
            form: components["schemas"]["Form"];
            label: string;
            name: string;
            required: boolean;
            /** @description JSON Schema of the value, with its default and choices */
            schema: Record<string, unknown>;
        };
        /** @description What the workspace says of one input of the workflow. */
        ParameterSetting: {
            /** @description For the model; else its label is shown */
            description?: string;
            form: components["schemas"]["Form"];
            /** @description Variable of the start node */
            name: string;
        };
        /** @description What tokens cost: `tokens × unit price × price unit`, in `currency`. Zero for local models. */
        Prices: {
            /** Format: double */
            completion_unit_price?: number;
            currency?: string;
            /**
             * Format: double
             * @description 0.000001 = the unit prices are per million tokens.
             */
            price_unit?: number;
            /** Format: double */
            prompt_unit_price?: number;
        };
        /** @description A remote provider. */
        Provider: {
            base_url: string;
            /** Format: date-time */
            created_at: string;
            /** @description The key itself is never shown */
            has_api_key: boolean;
            /** Format: uuid */
            id: string;
            /** Format: int32 */
            max_retries: number;
            models: components["schemas"]["ProviderModel"][];
            /** @description What an app's `model.provider` holds */
            name: string;
            /**
             * Format: int32
             * @description Longest silence, in milliseconds
             */
            timeout_ms: number;
            /** Format: date-time */
            updated_at: string;
        };
        /** @description A model that a provider has. */
        ProviderModel: {
            /** Format: int32 */
            context_size?: number;
            features?: components["schemas"]["Feature"][];
            /** @description `llm`, `text-embedding` or `rerank` */
            kind?: string;
            /** @description As the provider names it */
            name: string;
            prices?: components["schemas"]["Prices"];
        };
        /** @description What a provider answered. */
        ProviderTest: {
            error?: string | null;
            /** @description What the provider lists */
            models: string[];
            ok: boolean;
        };
        /**
         * @description Who provides a tool.
         * @enum {string}
         */
        ProviderType: "builtin" | "api" | "mcp" | "workflow";
        PublishApp: {
            name?: string;
            note?: string;
        };
        /** @enum {string} */
        Rating: "like" | "dislike";
        RenameConversation: {
            /** @description Let the model find the name */
            auto_generate?: boolean;
            name?: string | null;
        };
        ReplaceDraft: {
            config: Record<string, unknown>;
            /**
             * Format: int64
             * @description `draft_revision` that the change was made on
             */
            revision: number;
        };
        /** @enum {string} */
        ResponseMode: "streaming" | "blocking";
        /**
         * @description What a member may do in one workspace. A workspace has exactly one owner.
         * @enum {string}
         */
        Role: "owner" | "admin" | "editor" | "normal" | "dataset_operator";
        RunData: {
            /** Format: int64 */
            created_at: number;
            /** Format: double */
            elapsed_time: number;
            error?: string | null;
            /** Format: int64 */
            finished_at?: number | null;
            id: components["schemas"]["WorkflowRunId"];
            outputs?: Record<string, unknown> | null;
            /** @description Of paused runs */
            paused_nodes?: string[] | null;
            /** @description Of paused runs: the forms that they wait for */
            reasons?: Record<string, unknown>[] | null;
            /** @description `succeeded`, `failed`, `stopped`, `partial-succeeded` or `paused` */
            status: string;
            /** Format: int32 */
            total_steps: number;
            /** Format: int64 */
            total_tokens: number;
            workflow_id: string;
        };
        /** @description How a run stands. */
        RunDetail: {
            /** Format: int64 */
            created_at: number;
            /** Format: double */
            elapsed_time?: number | null;
            error?: string | null;
            /** Format: int64 */
            finished_at?: number | null;
            id: components["schemas"]["WorkflowRunId"];
            /** @description JSON text */
            inputs?: string | null;
            outputs: Record<string, unknown>;
            /** @description `scheduled`, `running`, `paused`, `succeeded`, `failed`, `stopped` or `partial-succeeded` */
            status: string;
            /** Format: int32 */
            total_steps: number;
            /** Format: int64 */
            total_tokens: number;
            workflow_id: string;
        };
        /** @description A call of a workflow. Unknown fields are ignored. */
        RunRequest: {
            files?: components["schemas"]["InputFile"][];
            /** @description Values of the start node's form; may be empty */
            inputs: {
                [key: string]: unknown;
            };
            response_mode?: null | components["schemas"]["ResponseMode"];
            /** @description Who asks, unique inside the app */
            user: string;
        };
        /**
         * @description What stands before the key in a header.
         * @enum {string}
         */
        Scheme: "basic" | "bearer" | "custom";
        /** @description Who is signed in, and where. */
        Session: {
            account: components["schemas"]["Account"];
            /** @description Send it as `X-CSRF-Token` with every request that changes something */
            csrf_token: string;
            /** @description Version of the server */
            version: string;
            workspace: components["schemas"]["WorkspaceRole"];
            /** @description Every workspace of the account, to switch between */
            workspaces: components["schemas"]["WorkspaceRole"][];
        };
        SetAnnotationReply: {
            enabled: boolean;
            /**
             * Format: float
             * @description Least cosine similarity, 0 to 1 (0.9)
             */
            score_threshold?: number | null;
        };
        /** @description `apps.annotation_reply`. */
        Settings: {
            /** @default null */
            embedding_model: null | components["schemas"]["ModelRef"];
            /** @default false */
            enabled: boolean;
            /**
             * Format: float
             * @description Least cosine similarity, 0 to 1
             * @default 0.8999999761581421
             */
            score_threshold: number;
        };
        Setup: {
            /** @description No account exists yet */
            needed: boolean;
            version: string;
        };
        SetUp: {
            email: string;
            /** @description Of the console: en-US (default), zh-Hans, … */
            language?: string | null;
            name: string;
            password: string;
            workspace_name?: string | null;
        };
        SignIn: {
            email: string;
            password: string;
        };
        /** @description How the app's page presents it. Empty texts fall back to the app's own. */
        Site: {
            /** @default null */
            chat_color_theme: string | null;
            /** @default false */
            chat_color_theme_inverted: boolean;
            /** @default null */
            copyright: string | null;
            /** @default  */
            custom_disclaimer: string;
            /** @default  */
            default_language: string;
            /** @default null */
            description: string | null;
            /** @default null */
            input_placeholder: string | null;
            /** @default null */
            privacy_policy: string | null;
            /** @default false */
            show_workflow_steps: boolean;
            /** @default  */
            title: string;
        };
        Suggested: {
            data: string[];
            result: string;
        };
        Suggestions: {
            data: string[];
        };
        Switch: {
            embedding_model_name: string;
            embedding_provider_name: string;
            /** Format: float */
            score_threshold: number;
        };
        SwitchWorkspace: {
            workspace_id: components["schemas"]["WorkspaceId"];
        };
        /** Format: uuid */
        TaskId: string;
        TextToAudio: {
            /** @description Wins over `text` */
            message_id?: string | null;
            text?: string | null;
        };
        /** @enum {string} */
        Theme: "system" | "light" | "dark";
        /** @description A file that the tool made or points to; its bytes are not kept. */
        ToolCallFile: {
            mime_type: string;
            name: string;
            size?: number | null;
            url?: string | null;
        };
        /** @description What the call gave. */
        ToolCallResult: {
            /** Format: int64 */
            elapsed_ms: number;
            /** @description Why it failed */
            error?: string | null;
            files: components["schemas"]["ToolCallFile"][];
            json: Record<string, unknown>[];
            ok: boolean;
            text: string;
            variables: Record<string, unknown>;
        };
        /** @description What a tool is, for people, for forms and for models. */
        ToolInfo: {
            description: string;
            label: string;
            name: string;
            /** @description Beside `text`, `json` and `files`, which every tool has */
            output_variables: components["schemas"]["OutputVariable"][];
            parameters: components["schemas"]["Parameter"][];
            provider_id: string;
            provider_name: string;
            provider_type: components["schemas"]["ProviderType"];
        };
        /** @description Who provides tools, and which. */
        ToolProvider: {
            description: string;
            id: string;
            label: string;
            name: string;
            provider_type: components["schemas"]["ProviderType"];
            tools: components["schemas"]["ToolInfo"][];
        };
        /**
         * @description How apps name a tool. Either name of the provider may be missing, and its id may be one of another installation, or of a
         *     plugin (`langgenius/time/time`).
         */
        ToolRef: {
            provider_id?: string;
            provider_name?: string;
            provider_type: components["schemas"]["ProviderType"];
            tool_name: string;
        };
        /**
         * @description How a file of a message arrives.
         * @enum {string}
         */
        TransferMethod: "local_file" | "remote_url" | "tool_file";
        /** @description A trigger node of an app's draft or published version. */
        Trigger: {
            /** @description Of schedules, as published */
            cron_expression?: string | null;
            /** @description Else it does not fire */
            enabled: boolean;
            /** @description Why it can't fire: the node's field and what is wrong with it */
            error?: string | null;
            /** Format: uuid */
            id: string;
            kind: components["schemas"]["TriggerKind"];
            /** Format: date-time */
            last_fired_at?: string | null;
            /** Format: date-time */
            next_fire_at?: string | null;
            node_id: string;
            /** @description Whether the published version has it; else it can be tried out only */
            published: boolean;
            timezone?: string | null;
            title: string;
            /** @description Of webhooks: starts the draft */
            webhook_debug_url?: string | null;
            /** @description Of webhooks: starts the published version. Who knows it may */
            webhook_url?: string | null;
        };
        /**
         * @description What makes a trigger fire.
         * @enum {string}
         */
        TriggerKind: "webhook" | "schedule";
        UpdateAccount: {
            language?: string | null;
            name?: string | null;
            theme?: null | components["schemas"]["Theme"];
        };
        UpdateApp: {
            description?: string | null;
            enable_api?: boolean | null;
            enable_site?: boolean | null;
            icon?: string | null;
            icon_background?: string | null;
            icon_type?: null | components["schemas"]["IconType"];
            /** Format: int32 */
            max_active_requests?: number | null;
            name?: string | null;
            /** @description Any keys of the app's site */
            site?: Record<string, unknown> | null;
            tags?: string[] | null;
        };
        /** @description What is left out stays as it is. */
        UpdateMcpServer: {
            description?: string | null;
            /** @description Replaces all of them; null takes them away */
            headers?: {
                [key: string]: string;
            } | null;
            name?: string | null;
            /** Format: int32 */
            timeout_ms?: number | null;
            url?: string | null;
        };
        UpdateMember: {
            /** @description `owner` hands the workspace over: the owner becomes an admin */
            role: components["schemas"]["Role"];
        };
        /** @description What is left out stays as it is. */
        UpdateOpenapiProvider: {
            /** @description Null takes the key away */
            api_key?: string | null;
            auth?: null | components["schemas"]["Auth"];
            description?: string | null;
            document?: string | null;
            /** @description Read again, also when it is the URL of before */
            document_url?: string | null;
            name?: string | null;
            /** Format: int32 */
            timeout_ms?: number | null;
        };
        /** @description What is left out stays as it is. */
        UpdateProvider: {
            /** @description Null takes the key away */
            api_key?: string | null;
            base_url?: string | null;
            /** Format: int32 */
            max_retries?: number | null;
            /** @description Replaces the list */
            models?: components["schemas"]["ProviderModel"][] | null;
            name?: string | null;
            /** Format: int32 */
            timeout_ms?: number | null;
        };
        UpdateTrigger: {
            enabled: boolean;
        };
        UpdateVariable: {
            value?: unknown;
        };
        /** @description What is left out stays as it is. */
        UpdateWorkflowTool: {
            description?: string | null;
            label?: string | null;
            name?: string | null;
            parameters?: components["schemas"]["ParameterSetting"][] | null;
        };
        UpdateWorkspace: {
            default_models?: null | components["schemas"]["DefaultModels"];
            name?: string | null;
        };
        UploadForm: {
            /** Format: binary */
            file: string;
            /** @description Of the service API only */
            user?: string | null;
        };
        /** @description `{"user": "…"}`. */
        UserBody: {
            user: string;
        };
        Variable: {
            /** Format: int64 */
            created_at: number;
            description: string;
            id: components["schemas"]["ConversationVariableId"];
            name: string;
            /** Format: int64 */
            updated_at: number;
            /** @description Always text, or null */
            value?: string | null;
            value_type: string;
        };
        /** Format: uuid */
        WorkflowRunId: string;
        /** @description A workflow that apps of this workspace can call as a tool. */
        WorkflowTool: {
            app_id: components["schemas"]["AppId"];
            app_name: string;
            /** Format: date-time */
            created_at: string;
            description: string;
            /** @description Why it can't be called */
            error?: string | null;
            /** Format: uuid */
            id: string;
            label: string;
            /** @description What models call it */
            name: string;
            /** @description What was said of its inputs; of others their labels are shown */
            parameters: components["schemas"]["ParameterSetting"][];
            tool?: null | components["schemas"]["ToolInfo"];
            /** Format: date-time */
            updated_at: string;
        };
        Workspace: {
            default_models: components["schemas"]["DefaultModels"];
            id: components["schemas"]["WorkspaceId"];
            name: string;
        };
        /** Format: uuid */
        WorkspaceId: string;
        /** @enum {string} */
        WorkspaceKeyKind: "dataset" | "model";
        /** @description One of the account's workspaces. */
        WorkspaceRole: {
            id: components["schemas"]["WorkspaceId"];
            name: string;
            role: components["schemas"]["Role"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    update_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateAccount"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
        };
    };
    change_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangePassword"];
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_apps: {
        parameters: {
            query?: {
                cursor?: string;
                /** @description Part of the name or description */
                keyword?: string;
                limit?: number;
                mode?: components["schemas"]["AppMode"];
                tag?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_AppSummary"];
                };
            };
        };
    };
    create_app: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateApp"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["App"];
                };
            };
        };
    };
    get_app: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["App"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_app: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    update_app: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateApp"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["App"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    set_annotation_reply: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetAnnotationReply"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_annotations: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the page before */
                cursor?: string;
                /** @description Items to return, 1 to 100 (30) */
                limit?: number;
            };
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Annotation"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    create_annotation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Content"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Annotation"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    update_annotation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                annotation_id: components["schemas"]["AnnotationId"];
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Content"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Annotation"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_annotation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                annotation_id: components["schemas"]["AnnotationId"];
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    replace_draft: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReplaceDraft"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["App"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    duplicate_app: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DuplicateApp"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["App"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    export_app: {
        parameters: {
            query?: {
                /** @description A published version instead of the draft */
                version_id?: components["schemas"]["AppVersionId"];
            };
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/yaml": string;
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_app_keys: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_ApiKey"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    create_app_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateAppKey"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedApiKey"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_app_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                key_id: components["schemas"]["ApiKeyId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    create_preview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreatePreview"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
        };
    };
    list_preview_suggestions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Suggestions"];
                };
            };
        };
    };
    stop_preview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                task_id: components["schemas"]["TaskId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    publish_app: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PublishApp"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AppVersion"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_triggers: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Trigger"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    update_trigger: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                trigger_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateTrigger"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Trigger"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    renew_webhook_url: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                trigger_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Trigger"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_versions: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the page before */
                cursor?: string;
                /** @description Items to return, 1 to 100 (30) */
                limit?: number;
            };
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_AppVersion"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_version: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                version_id: components["schemas"]["AppVersionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AppVersion"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    restore_version: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                version_id: components["schemas"]["AppVersionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["App"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    import_app: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ImportApp"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImportResult"];
                };
            };
        };
    };
    confirm_import: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                import_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImportResult"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_audit_log: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the page before */
                cursor?: string;
                /** @description Items to return, 1 to 100 (30) */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_AuditEntry"];
                };
            };
        };
    };
    upload_file: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["UploadForm"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_invitations: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the page before */
                cursor?: string;
                /** @description Items to return, 1 to 100 (30) */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Invitation"];
                };
            };
        };
    };
    create_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateInvitation"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedInvitation"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                invitation_id: components["schemas"]["InvitationId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_invitation: {
        parameters: {
            query: {
                /** @description From the link */
                token: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitationPreview"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    accept_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AcceptInvitation"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_ApiKey"];
                };
            };
        };
    };
    create_workspace_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateKey"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedApiKey"];
                };
            };
        };
    };
    delete_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                key_id: components["schemas"]["ApiKeyId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_members: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the page before */
                cursor?: string;
                /** @description Items to return, 1 to 100 (30) */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Member"];
                };
            };
        };
    };
    remove_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account_id: components["schemas"]["AccountId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    update_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account_id: components["schemas"]["AccountId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateMember"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_models: {
        parameters: {
            query?: {
                /** @description `llm`, `text-embedding` or `rerank` */
                kind?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Model"];
                };
            };
        };
    };
    load_model: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    unload_model: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_providers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Provider"];
                };
            };
        };
    };
    create_provider: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateProvider"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provider"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                provider_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provider"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                provider_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    update_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                provider_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateProvider"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Provider"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    test_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                provider_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProviderTest"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
        };
    };
    sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    sign_out: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    switch_workspace: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SwitchWorkspace"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_setup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Setup"];
                };
            };
        };
    };
    set_up: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetUp"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description setup_done */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_tools: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_ToolProvider"];
                };
            };
        };
    };
    call_tool: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CallTool"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolCallResult"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_mcp_servers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_McpServer"];
                };
            };
        };
    };
    create_mcp_server: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateMcpServer"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["McpServer"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_mcp_server: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                mcp_server_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["McpServer"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_mcp_server: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                mcp_server_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    update_mcp_server: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                mcp_server_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateMcpServer"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["McpServer"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    refresh_mcp_server: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                mcp_server_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["McpServer"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_openapi_providers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_OpenapiProvider"];
                };
            };
        };
    };
    create_openapi_provider: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateOpenapiProvider"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenapiProviderDetail"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_openapi_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tool_provider_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenapiProviderDetail"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_openapi_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tool_provider_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    update_openapi_provider: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tool_provider_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateOpenapiProvider"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenapiProviderDetail"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    preview_openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OpenapiSource"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenapiPreview"];
                };
            };
        };
    };
    list_workflow_tools: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_WorkflowTool"];
                };
            };
        };
    };
    create_workflow_tool: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateWorkflowTool"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkflowTool"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_workflow_tool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workflow_tool_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkflowTool"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_workflow_tool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workflow_tool_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    update_workflow_tool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workflow_tool_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateWorkflowTool"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkflowTool"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_workspace: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Workspace"];
                };
            };
        };
    };
    update_workspace: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateWorkspace"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Workspace"];
                };
            };
        };
    };
    create_workspace: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateWorkspace"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkspaceRole"];
                };
            };
        };
    };
}
