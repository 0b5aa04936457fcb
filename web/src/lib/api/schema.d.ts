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
        /** Apps of the workspace */
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
    "/api/apps/{app_id}/conversations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The conversations of an app, those with the newest messages first */
        get: operations["list_log_conversations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/conversations/{conversation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One conversation, whoever held it */
        get: operations["get_log_conversation"];
        put?: never;
        post?: never;
        delete?: never;
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
    "/api/apps/{app_id}/draft/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Everything that is wrong with the draft of a workflow, and what is probably a mistake */
        post: operations["check_draft"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/map-models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Replace models everywhere in the draft; 409 when someone else changed it meanwhile */
        post: operations["map_models"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/nodes/{node_id}/last-run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a node of the draft last did, in a run of one's own or tried alone; 404 when it did nothing yet */
        get: operations["get_last_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/nodes/{node_id}/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run one node of the draft by itself; containers run what lies inside of them.
         * @description The answer is a stream of the events that the node has in a run, or with `blocking` what came of it. It becomes the node's
         *     last run. Stop it with its `task_id`.
         */
        post: operations["run_node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/nodes/{node_id}/variables": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a node of the draft reads, with the values that are there */
        get: operations["list_node_variables"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run the draft of a workflow. Chatflows are asked through their preview.
         * @description The answer is a stream of the events of `/v1/workflows/run`, or with `blocking` what the run came to.
         */
        post: operations["run_draft"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/tasks/{task_id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a node that is tried, or a run of one's own */
        post: operations["stop_node"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/variables": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The variables of the draft, each member's own: what the nodes last gave, conversation, system and environment variables */
        get: operations["list_draft_variables"];
        put?: never;
        post?: never;
        /** Forget what all nodes of the draft last gave */
        delete: operations["clear_draft_variables"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/variables/{node_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Forget what a node of the draft last gave */
        delete: operations["clear_node_variables"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/variables/{node_id}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One variable of the draft, whole */
        get: operations["get_draft_variable"];
        /** Put a value in the place of what a node gave: nodes that are tried alone read it, until the node runs again */
        put: operations["edit_draft_variable"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/draft/variables/{node_id}/{name}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take an edited value back: the variable is again what the node last gave */
        post: operations["reset_draft_variable"];
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
    "/api/apps/{app_id}/mcp/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give the MCP server another address; the old one stops working */
        post: operations["renew_mcp_code"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The messages of an app or of one conversation, newest first */
        get: operations["list_log_messages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/messages/{message_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One message */
        get: operations["get_log_message"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/messages/{message_id}/annotation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Make an answer, or a better one, the app's answer to the question from now on */
        put: operations["annotate_message"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/messages/{message_id}/feedback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Say what you think of an answer, in place of what members said before */
        put: operations["rate_message"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/messages/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All messages that the log shows, as a file */
        get: operations["export_messages"];
        put?: never;
        post?: never;
        delete?: never;
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
        /**
         * Make a version of the draft and give it to callers. The draft of a workflow must have no errors: `error.details.issues` names
         *     them.
         */
        post: operations["publish_app"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The runs of an app, newest first */
        get: operations["list_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One run */
        get: operations["get_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Follow a run: its events from now on, or behind the one that `Last-Event-ID` names */
        get: operations["follow_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}/forms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The forms that a run asked people to fill in, and how they went out */
        get: operations["list_run_forms"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}/forms/{form_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Answer a form of a draft's run. The run goes on in the background: follow its events. */
        post: operations["answer_run_form"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The nodes of a run that ended, in the order in which they began. A page may end early where values are large. */
        get: operations["list_run_nodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}/nodes/{node_run_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One node of a run */
        get: operations["get_run_node"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}/nodes/{node_run_id}/values/{field}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The whole of a node's `inputs`, `process_data` or `outputs` */
        get: operations["get_run_node_value"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a run, whoever started it */
        post: operations["stop_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}/take-values": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take what the nodes of a run gave for the draft, as if the run had been one of the draft: of a published run that went wrong,
         *     of one that a trigger started
         */
        post: operations["take_run_values"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/{run_id}/values/{field}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The whole of what a run was asked (`inputs`) or came to (`outputs`) */
        get: operations["get_run_value"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/runs/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All runs that the list shows, as a file */
        get: operations["export_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/site/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give the web app another address; the old one stops working */
        post: operations["renew_site_code"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/apps/{app_id}/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How much an app was used, how well, and what that took */
        get: operations["get_statistics"];
        put?: never;
        post?: never;
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
    "/api/apps/{app_id}/versions/{version_id}/diff/{other}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What leads from one version to another */
        get: operations["diff_versions"];
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
    "/api/engine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the engine is doing */
        get: operations["get_engine"];
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
    "/api/forms/{form_token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A form, by the token of its link */
        get: operations["get_form_page"];
        put?: never;
        /** Answer a form; the first answer wins, and the run that asked goes on */
        post: operations["answer_form_page"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/forms/{form_token}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Upload a file to answer a form with */
        post: operations["upload_form_file"];
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
    "/api/model-mappings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Which models run in place of those that imported files name */
        get: operations["list_model_mappings"];
        /** Remember a mapping; one of the same model is replaced */
        put: operations["put_model_mapping"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/model-mappings/{mapping_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Forget a mapping */
        delete: operations["delete_model_mapping"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/model-plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether a model fits, and how much then */
        get: operations["get_model_plan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/model-pulls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Downloads of models, the newest first */
        get: operations["list_pulls"];
        put?: never;
        /**
         * Begin to download a model
         * @description Returns at once; look at the list for how far it is.
         */
        post: operations["create_pull"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/model-pulls/{pull_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Stop a download, or forget one that is over
         * @description What came so far stays: the next pull of the model goes on from there.
         */
        delete: operations["delete_pull"];
        options?: never;
        head?: never;
        patch?: never;
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
    "/api/models/local/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete a local model from the models folder
         * @description Answers that are being written are finished first.
         */
        delete: operations["delete_model"];
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
    "/api/playground/chat/completions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask any model of the catalog, as `/v1/chat/completions` does with a key */
        post: operations["create_playground_completion"];
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
    "/api/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every secret of the workspace, by kind and name */
        get: operations["list_secrets"];
        put?: never;
        post?: never;
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
    "/api/site/v1/chat-messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask a chat app.
         * @description With `response_mode: streaming` the answer is a stream of server-sent events. Send `X-Ashlar-Resume: true` to get event
         *     ids for resuming at `/v1/chat-messages/{task_id}/events`.
         */
        post: operations["site_create_chat_message"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/chat-messages/{task_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Go on with a stream that broke.
         * @description Sends the events after the one that `Last-Event-ID` names (all without it), then those to come. When the log of events
         *     is lost, a `message_replace` brings the stored answer instead.
         */
        get: operations["site_follow_chat_message"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/chat-messages/{task_id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a streaming answer. Always succeeds; does nothing for tasks that are unknown or another user's. */
        post: operations["site_stop_chat_message"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/completion-messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Call a completion app. */
        post: operations["site_create_completion_message"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/completion-messages/{task_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Go on with a stream that broke. */
        get: operations["site_follow_completion_message"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/completion-messages/{task_id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a streaming answer. */
        post: operations["site_stop_completion_message"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/conversations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A user's conversations, `last_id` being the last of the page before. */
        get: operations["site_list_conversations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/conversations/{conversation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a conversation. */
        delete: operations["site_delete_conversation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/conversations/{conversation_id}/name": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Name a conversation, or let the model do it. */
        post: operations["site_rename_conversation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/files/upload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Upload a file to send with messages of the same user */
        post: operations["site_upload_service_file"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest messages of a conversation, or those before `first_id`; oldest first inside the page. */
        get: operations["site_list_messages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/messages/{message_id}/feedbacks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Rate an answer; a second call overwrites. */
        post: operations["site_create_feedback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/messages/{message_id}/suggested": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Questions that may follow an answer; an empty list when the model fails. */
        get: operations["site_list_suggested_questions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/workflow/{workflow_run_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow a run: its events from now on, or behind the one that `Last-Event-ID` names.
         * @description A run that is over gives its `workflow_finished` event. Ends at the end of the run, when it waits for people (unless
         *     `continue_on_pause`), and after 300 s without an event.
         */
        get: operations["site_follow_workflow_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/workflows/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run the published version of a workflow.
         * @description With `response_mode: streaming` the run is a stream of server-sent events. Send `X-Ashlar-Resume: true` to get event ids
         *     for resuming at `/v1/workflow/{workflow_run_id}/events`.
         */
        post: operations["site_run_workflow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/site/v1/workflows/tasks/{task_id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a run of this app, whoever started it. Always succeeds. */
        post: operations["site_stop_workflow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sites/{site_code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Open the page of a published app; a browser without a visitor's cookie gets one */
        get: operations["open_site"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Tags of the workspace's apps, A to Z */
        get: operations["list_tags"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tags/{tag}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take a tag off every app */
        delete: operations["delete_tag"];
        options?: never;
        head?: never;
        /** Rename a tag on every app */
        patch: operations["rename_tag"];
        trace?: never;
    };
    "/api/templates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Apps to start from */
        get: operations["list_templates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/templates/{template_id}/apps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make an app from a template */
        post: operations["create_app_from_template"];
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
        AnnotateMessage: {
            answer: string;
            question: string;
        };
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
        /** @description An answer to a form. */
        AnswerForm: {
            /** @description Id of one of its actions */
            action: string;
            /** @description Values of the form's inputs */
            inputs?: {
                [key: string]: unknown;
            };
        };
        AnswerLinkedForm: {
            /** @description Id of one of its actions */
            action: string;
            /** @description Values of the form's inputs: texts, and files as `{"type", "transfer_method", "upload_file_id" or "url"}` */
            inputs: {
                [key: string]: unknown;
            };
        };
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
            /** @description `model_config` or `workflow` section of the app's DSL; secrets are asterisks, and stay when they are sent back so */
            draft: Record<string, unknown>;
            /**
             * Format: int64
             * @description Send it back with a changed draft
             */
            draft_revision: number;
            enable_api: boolean;
            enable_mcp: boolean;
            enable_site: boolean;
            has_unpublished_changes: boolean;
            /**
             * Format: int32
             * @description Requests at one time; 0 = no limit
             */
            max_active_requests: number;
            /** @description The MCP server is at `/mcp/{mcp_code}` */
            mcp_code: string;
            published_version?: null | components["schemas"]["AppVersion"];
            site: components["schemas"]["Site"];
            /** @description The web app is at `/a/{site_code}` */
            site_code: string;
        };
        /** @description How an app shows itself to people outside. */
        AppFace: {
            icon: string;
            icon_background: string;
            /** @description `emoji`, `image` or `link` */
            icon_type: string;
            name: string;
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
        /** @description Who asked. */
        Asker: {
            /** Format: uuid */
            id: string;
            /** @description Of an end user: as the caller named it */
            name: string;
            /** @description end_user or account */
            type: string;
        };
        /** @description Where in a config something is named. */
        At: {
            /** @description Path inside the node's data, or of the config */
            field: string;
            /** @description Of workflows */
            node_id?: string | null;
            title?: string | null;
        };
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
        Bucket: components["schemas"]["Figures"] & {
            /** Format: date-time */
            start: string;
        };
        /** @description A call for trying a tool out. */
        CallTool: components["schemas"]["ToolRef"] & {
            arguments?: Record<string, unknown>;
        };
        /** @enum {string} */
        Category: "vision" | "writing" | "documents" | "agents" | "workflows";
        /** @description One value that differs. */
        Change: {
            /** @description Null of removed ones */
            after: Record<string, unknown>;
            /** @description Null of added ones */
            before: Record<string, unknown>;
            kind: components["schemas"]["ChangeKind"];
            /** @description JSON pointer */
            path: string;
            /** @description Less than all is shown */
            truncated: boolean;
        };
        ChangedNode: components["schemas"]["NodeName"] & {
            /** @description Paths are inside the node */
            changes: components["schemas"]["Change"][];
            /** @description Where and how large it is drawn */
            layout: components["schemas"]["Change"][];
            /** @description `changes` is empty */
            layout_only: boolean;
        };
        /** @enum {string} */
        ChangeKind: "added" | "removed" | "changed";
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
        CheckDraft: {
            /** @description The workflow as it is in the studio; without it the saved draft is looked at */
            config?: Record<string, unknown> | null;
        };
        Checked: {
            /** @description There are no errors */
            can_publish: boolean;
            /** @description Errors first */
            data: components["schemas"]["Issue"][];
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
        /** @enum {string} */
        Container: "iteration" | "loop";
        Content: {
            answer: string;
            question: string;
        };
        ContentPiece: {
            text: string;
            /** @enum {string} */
            type: "text";
        } | {
            name: string;
            /** @enum {string} */
            type: "input";
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
        /** @description What the new app is called, in place of the template's own words. */
        CreateAppFromTemplate: {
            description?: string | null;
            name?: string | null;
        };
        CreateAppKey: {
            name?: string;
        };
        CreatedApiKey: components["schemas"]["ApiKey"] & {
            /** @description The key itself; shown only now */
            token: string;
        };
        CreatedInvitation: components["schemas"]["Invitation"] & {
            /** @description A mail with the link is on its way */
            is_mailed: boolean;
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
            from?: null | components["schemas"]["ReplayFrom"];
            inputs?: {
                [key: string]: unknown;
            };
            /** @description With `from`: values in place of those of the earlier run */
            overrides?: components["schemas"]["GivenVariable"][];
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
        CreatePull: {
            /** @description Fetch only files that match, such as `*Q4_K_M.gguf` */
            files?: string[];
            /** @description `OWNER/NAME` on the hub, with `@REVISION` for a branch, tag or commit */
            model: string;
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
        /** @description A variable of the draft. */
        DraftVariable: {
            /** @description It was put in the place of what the node gave */
            is_edited: boolean;
            kind: components["schemas"]["VariableKind"];
            name: string;
            /** @description Or `conversation`, `sys`, `env` */
            node_id: string;
            run_id?: null | components["schemas"]["WorkflowRunId"];
            /** @description The node's */
            title?: string | null;
            /** @description As the DSL writes it */
            type: string;
            /**
             * Format: date-time
             * @description Null where nothing has run yet
             */
            updated_at?: string | null;
            /** @description Secrets are asterisks */
            value: Record<string, unknown>;
            /** @description Less than all is shown: ask for the variable */
            value_truncated: boolean;
        };
        DuplicateApp: {
            name?: string | null;
        };
        EdgeChanges: {
            added: components["schemas"]["EdgeName"][];
            removed: components["schemas"]["EdgeName"][];
        };
        EdgeName: {
            source: string;
            source_handle: string;
            target: string;
        };
        EditVariable: {
            value: Record<string, unknown>;
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
        /** @description A model in memory. */
        EngineModel: {
            kind: string;
            llm?: null | components["schemas"]["LlmStatus"];
            /**
             * Format: int64
             * @description Weights and caches
             */
            memory_bytes: number;
            name: string;
        };
        /** @description The engine at one moment. */
        EngineStatus: {
            /** Format: date-time */
            at: string;
            /** @description What the CPU calls itself */
            cpu: string;
            /** @description `cpu` or `cuda` */
            device: string;
            gpu?: null | components["schemas"]["Gpu"];
            /** @description Sequences that may run at once */
            max_running: number;
            /** @description Rows that a step may have, prompts and answers together */
            max_step_tokens: number;
            /** Format: int64 */
            memory_available_bytes: number;
            /**
             * Format: int64
             * @description Bytes of the machine's memory
             */
            memory_total_bytes: number;
            models: components["schemas"]["EngineModel"][];
            n_cpus: number;
            /**
             * Format: int64
             * @description Bytes that this process holds
             */
            process_bytes: number;
        };
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
            rating: string;
        };
        /** Format: uuid */
        FeedbackId: string;
        Feedbacks: {
            data: components["schemas"]["Feedback"][];
        };
        /** @description Of what was finished. */
        Figures: {
            /** Format: int64 */
            active_users: number;
            /** Format: int64 */
            completion_tokens: number;
            /** Format: int64 */
            conversations: number;
            /** Format: double */
            cost: number;
            /**
             * Format: int64
             * @description Answers; of a workflow runs
             */
            count: number;
            /** Format: int64 */
            dislikes: number;
            /** Format: int64 */
            failures: number;
            /**
             * Format: double
             * @description Median, of answers
             */
            first_token_s?: number | null;
            /**
             * Format: double
             * @description Of those that went well; percentiles are right to one in a hundred
             */
            latency_median_s?: number | null;
            /** Format: double */
            latency_p95_s?: number | null;
            /**
             * Format: int64
             * @description Of end users
             */
            likes: number;
            /**
             * Format: int64
             * @description Of answers
             */
            prompt_tokens: number;
            /**
             * Format: double
             * @description While answers were written
             */
            tokens_per_second?: number | null;
            /** Format: int64 */
            total_tokens: number;
        };
        /** Format: uuid */
        FileId: string;
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
        FormAction: {
            /** @description `primary`, `default`, `accent` or `ghost` */
            button_style: string;
            id: string;
            title: string;
        };
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
        FormFile: {
            /** Format: binary */
            file: string;
        };
        FormFileRules: {
            /** @description Extensions without dots; empty = any */
            extensions: string[];
            /**
             * Format: int64
             * @description Of the largest kind of file that is taken
             */
            max_mb: number;
            /** @description `local_file`, `remote_url` */
            methods: components["schemas"]["TransferMethod"][];
            number_limit: number;
        };
        FormInput: {
            /** @description What the field begins with */
            default?: string | null;
            files?: null | components["schemas"]["FormFileRules"];
            name: string;
            /** @description Of a select */
            options: string[];
            type: components["schemas"]["FormInputKind"];
        };
        /** @enum {string} */
        FormInputKind: "paragraph" | "select" | "file" | "file-list";
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
        /** @description What is asked. */
        FormQuestions: {
            actions: components["schemas"]["FormAction"][];
            /** @description In order; every input has its place */
            content: components["schemas"]["ContentPiece"][];
            inputs: components["schemas"]["FormInput"][];
        };
        /** @description Somebody whom a form was sent to. */
        FormRecipient: {
            email: string;
            /** @description Why the mail was not sent, or not yet */
            error?: string | null;
            /** Format: date-time */
            sent_at?: string | null;
            status: components["schemas"]["MailStatus"];
        };
        /**
         * @description What stands before whoever would answer a form.
         * @enum {string}
         */
        FormStanding: "waiting" | "answered" | "expired" | "run_ended";
        /** @description What was answered. */
        GivenAnswer: {
            /** @description Title of the action that was chosen */
            action: string;
            /** Format: date-time */
            answered_at: string;
            /** @description Markdown: the form with its values; only for whoever gave them */
            content?: string | null;
            /** @description By whoever asks, as far as their link tells */
            is_yours: boolean;
        };
        /** @description A variable and a value for it. */
        GivenVariable: {
            /** @description A node's id (or `sys`, `env`, `conversation`), a variable, keys inside of it */
            selector: string[];
            value?: Record<string, unknown>;
        };
        /** @description The GPU that models are on. */
        Gpu: {
            /**
             * Format: int64
             * @description Bytes of its memory
             */
            memory_total_bytes: number;
            /**
             * Format: int64
             * @description Of those, in use by any process
             */
            memory_used_bytes: number;
            name: string;
        };
        /** Format: uuid */
        HumanInputFormId: string;
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
            /** @description Models of the file in whose place others run */
            mapped: components["schemas"]["Mapped"][];
            /** @description What the app names and the workspace does not have; models can be mapped to others */
            missing: components["schemas"]["Missing"];
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
        /** @enum {string} */
        Interval: "hour" | "day";
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
        /** @description One thing that is wrong. */
        Issue: {
            /** @description Path inside the node's data, or of the graph */
            field: string;
            message: string;
            node_id?: string | null;
            severity: components["schemas"]["Severity"];
            title?: string | null;
        };
        /** @enum {string} */
        KeyKind: "app" | "dataset" | "model";
        /** @description A node's last run. */
        LastRun: components["schemas"]["NodeRun"] & {
            run_id?: null | components["schemas"]["WorkflowRunId"];
        };
        /** @description A form as whoever has a link to it sees it. */
        LinkedForm: {
            answer?: null | components["schemas"]["GivenAnswer"];
            app: components["schemas"]["AppFace"];
            /** Format: date-time */
            expires_at: string;
            questions?: null | components["schemas"]["FormQuestions"];
            standing: components["schemas"]["FormStanding"];
            /** @description Of the node that asks */
            title: string;
        };
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
        List_DraftVariable: {
            data: {
                /** @description It was put in the place of what the node gave */
                is_edited: boolean;
                kind: components["schemas"]["VariableKind"];
                name: string;
                /** @description Or `conversation`, `sys`, `env` */
                node_id: string;
                run_id?: null | components["schemas"]["WorkflowRunId"];
                /** @description The node's */
                title?: string | null;
                /** @description As the DSL writes it */
                type: string;
                /**
                 * Format: date-time
                 * @description Null where nothing has run yet
                 */
                updated_at?: string | null;
                /** @description Secrets are asterisks */
                value: Record<string, unknown>;
                /** @description Less than all is shown: ask for the variable */
                value_truncated: boolean;
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
        List_LogConversation: {
            data: {
                /**
                 * Format: int64
                 * @description Messages that an annotation answered, or that were made one
                 */
                annotations: number;
                asked_by?: null | components["schemas"]["Asker"];
                /** Format: date-time */
                created_at: string;
                /**
                 * Format: int64
                 * @description Messages that failed
                 */
                failures: number;
                id: components["schemas"]["ConversationId"];
                /** Format: int64 */
                member_dislikes: number;
                /** Format: int64 */
                member_likes: number;
                /** Format: int32 */
                message_count: number;
                name: string;
                /** @description service-api, web-app, mcp or debugger */
                source: string;
                /** Format: int64 */
                total_tokens: number;
                /**
                 * Format: date-time
                 * @description Of the last message
                 */
                updated_at: string;
                /** Format: int64 */
                user_dislikes: number;
                /** Format: int64 */
                user_likes: number;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_LogMessage: {
            data: {
                annotation_id?: null | components["schemas"]["AnnotationId"];
                answer: string;
                asked_by?: null | components["schemas"]["Asker"];
                /**
                 * Format: int32
                 * @description Prompt tokens that came from the prefix cache
                 */
                cached_tokens: number;
                /** Format: int32 */
                completion_tokens: number;
                conversation_id?: null | components["schemas"]["ConversationId"];
                /** Format: date-time */
                created_at: string;
                currency: string;
                error?: string | null;
                error_code?: string | null;
                /** @description Of question and answer, as `/v1/messages` gives them */
                files: Record<string, unknown>[];
                /** Format: date-time */
                finished_at?: string | null;
                id: components["schemas"]["MessageId"];
                inputs: Record<string, unknown>;
                /** Format: double */
                latency_s: number;
                member_feedback?: null | components["schemas"]["LogFeedback"];
                model?: null | components["schemas"]["LogModel"];
                /** Format: int32 */
                prompt_tokens: number;
                query: string;
                retriever_resources: Record<string, unknown>[];
                run_id?: null | components["schemas"]["WorkflowRunId"];
                saved_annotation_id?: null | components["schemas"]["AnnotationId"];
                /** @description service-api, web-app, mcp or debugger */
                source: string;
                /** @description running, normal, stopped, error, interrupted or paused */
                status: string;
                thoughts: components["schemas"]["LogThought"][];
                /** Format: double */
                time_to_first_token_s?: number | null;
                /** Format: double */
                time_to_generate_s?: number | null;
                /** Format: double */
                total_price: number;
                /** @description What was done; of chatflows the run's nodes tell */
                trace: components["schemas"]["Span"][];
                user_feedback?: null | components["schemas"]["LogFeedback"];
                /**
                 * Format: int32
                 * @description Of the app's published version; null of a draft
                 */
                version_number?: number | null;
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
                /** @description It can be deleted: it lies in the models folder */
                deletable: boolean;
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
                /** @description Of an adapter, the local model it is for */
                parent?: string | null;
                prices?: null | components["schemas"]["Prices"];
                /** @description `local` or the name of a provider */
                provider: string;
                /** @description Why it failed or is refused */
                reason?: string | null;
                /** @description `available` (not in memory), `loading`, `ready`, `failed` or `refused` */
                status: string;
                /**
                 * Format: int64
                 * @description Of local models, bytes of their files
                 */
                weight_bytes?: number | null;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_ModelMapping: {
            data: (components["schemas"]["Mapping"] & {
                created_by_name?: string | null;
                id: components["schemas"]["ModelMappingId"];
                /** Format: date-time */
                updated_at: string;
            })[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_NodeRun: {
            data: {
                /** Format: date-time */
                created_at: string;
                /** Format: double */
                elapsed_s: number;
                error?: string | null;
                error_type?: string | null;
                /** Format: date-time */
                finished_at: string;
                /** @description Where a branch went on */
                handle?: string | null;
                /**
                 * Format: uuid
                 * @description Of this node in this place of the run
                 */
                id: string;
                /**
                 * Format: int32
                 * @description 1 for the run's first node
                 */
                index: number;
                /** @description Null where values were not asked for */
                inputs?: Record<string, unknown> | null;
                /** @description Less than all is shown: ask for the whole */
                inputs_truncated: boolean;
                metadata: Record<string, unknown>;
                node_id: string;
                node_type: string;
                outputs?: Record<string, unknown> | null;
                outputs_truncated: boolean;
                predecessor_node_id?: string | null;
                process_data?: Record<string, unknown> | null;
                process_data_truncated: boolean;
                /** @description Tries that failed before */
                retries: components["schemas"]["NodeTry"][];
                /** @description The rounds of the iterations and loops around it, the outermost first */
                rounds: components["schemas"]["RoundOf"][];
                /** @description succeeded, failed, exception (failed, and its error strategy took over) or stopped */
                status: string;
                title: string;
                usage: components["schemas"]["NodeUsage"];
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_NodeVariable: {
            data: {
                field: string;
                /** @description There is a value: the node can run without being given one */
                is_known: boolean;
                /** @description Where it is read: in this node or one inside of it */
                read_by_node_id: string;
                /** @description A node's id (or `sys`, `env`, `conversation`), a variable, keys inside of it */
                selector: string[];
                /** @description Of the node that it is of */
                title?: string | null;
                /** @description As the DSL writes it; null where it is not known */
                type?: string | null;
                /** @description What it last held, or was set to; cut when it is long */
                value: Record<string, unknown>;
                value_truncated: boolean;
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
        List_Pull: {
            data: {
                /** Format: int64 */
                done_bytes: number;
                /** @description Why it failed, with what can be done */
                error?: string | null;
                id: components["schemas"]["PullId"];
                /** @description `OWNER/NAME`, with `@REVISION` where one was asked for */
                model: string;
                /** Format: date-time */
                started_at: string;
                /** @description `running`, `done` or `failed` */
                status: string;
                /**
                 * Format: int64
                 * @description 0 until the hub has said what there is
                 */
                total_bytes: number;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_RunForm: {
            data: {
                actions: Record<string, unknown>[];
                /** @description What was answered */
                answer?: Record<string, unknown> | null;
                /** Format: date-time */
                answered_at?: string | null;
                /** @description Address of the recipient whose link was used; null for the form's own link, the console and the API */
                answered_by?: string | null;
                /** @description `webapp`, `email` */
                channels: string[];
                /** Format: date-time */
                expires_at: string;
                /** @description Markdown */
                form_content: string;
                id: components["schemas"]["HumanInputFormId"];
                inputs: Record<string, unknown>[];
                node_id: string;
                node_title: string;
                /** @description Those it went to by e-mail */
                recipients: components["schemas"]["FormRecipient"][];
                resolved_default_values: Record<string, unknown>;
                /** @description waiting, answered or expired */
                status: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_RunSummary: {
            data: {
                conversation_id?: null | components["schemas"]["ConversationId"];
                /** Format: date-time */
                created_at: string;
                created_by?: null | components["schemas"]["RunCreator"];
                currency?: string | null;
                /**
                 * Format: double
                 * @description Without the times it waited for people
                 */
                elapsed_s: number;
                error?: string | null;
                /**
                 * Format: int32
                 * @description Nodes and rounds that failed without failing the run
                 */
                exceptions_count: number;
                /** Format: date-time */
                finished_at?: string | null;
                id: components["schemas"]["WorkflowRunId"];
                message_id?: null | components["schemas"]["MessageId"];
                mode: components["schemas"]["AppMode"];
                /** @description debugger, service-api, web-app or mcp */
                source: string;
                /** @description scheduled, running, paused, succeeded, failed, stopped or partial-succeeded */
                status: string;
                task_id: components["schemas"]["TaskId"];
                /**
                 * Format: double
                 * @description Of the models that it asked
                 */
                total_price: number;
                /** Format: int32 */
                total_steps: number;
                /** Format: int64 */
                total_tokens: number;
                /** @description debugging, app-run, webhook or schedule */
                triggered_from: string;
                version_id?: null | components["schemas"]["AppVersionId"];
                /** Format: int32 */
                version_number?: number | null;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_Secret: {
            data: {
                app?: null | components["schemas"]["SecretApp"];
                /**
                 * Format: date-time
                 * @description Null of an environment variable
                 */
                created_at?: string | null;
                /** @description Of an MCP server: which of its headers are kept */
                headers: string[];
                /**
                 * Format: uuid
                 * @description Of the provider, the tool provider or the app
                 */
                id: string;
                /** @description False when it was sealed with another instance key: it has to be entered anew */
                is_readable: boolean;
                kind: components["schemas"]["SecretKind"];
                /** @description Of the provider or the environment variable */
                name: string;
                /**
                 * Format: date-time
                 * @description Of an environment variable: when its app was last changed
                 */
                updated_at: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_Tag: {
            data: {
                /** Format: int64 */
                n_apps: number;
                name: string;
            }[];
            /** @description Ask for the next page with `cursor=` this; null on the last page */
            next_cursor?: string | null;
        };
        /** @description A console list. */
        List_Template: {
            data: {
                category: components["schemas"]["Category"];
                icon: string;
                icon_background: string;
                id: string;
                mode: components["schemas"]["AppMode"];
                /** @description By language: `en-US`, `zh-Hans` */
                texts: {
                    [key: string]: components["schemas"]["TemplateText"];
                };
                /** @description It looks at pictures */
                vision: boolean;
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
        LlmStatus: {
            /**
             * Format: int64
             * @description Encoded pictures that are kept, bytes
             */
            encoder_bytes: number;
            /**
             * Format: int64
             * @description Bytes of the KV cache
             */
            kv_bytes: number;
            /**
             * Format: int64
             * @description Of those, kept for prompts that begin alike
             */
            kv_reusable_tokens: number;
            /**
             * Format: int64
             * @description Tokens that the KV cache holds
             */
            kv_tokens: number;
            /**
             * Format: int64
             * @description Of those, in use by running sequences
             */
            kv_used_tokens: number;
            /** Format: double */
            mean_decode_step_s: number;
            /** Format: double */
            mean_first_token_s: number;
            /** Format: double */
            mean_queue_s: number;
            /**
             * Format: int64
             * @description Prompt tokens that the cache spared
             */
            n_cached_tokens: number;
            /** Format: int64 */
            n_cancelled: number;
            /** Format: int64 */
            n_completion_tokens: number;
            /** Format: int64 */
            n_failed: number;
            /** Format: int64 */
            n_finished: number;
            /**
             * Format: int64
             * @description Pictures that were encoded already
             */
            n_picture_hits: number;
            /** Format: int64 */
            n_picture_misses: number;
            /** Format: int64 */
            n_preempted: number;
            /** Format: int64 */
            n_prompt_tokens: number;
            /**
             * Format: int64
             * @description Requests being prepared or waiting
             */
            n_queued: number;
            /** Format: int64 */
            n_running: number;
            /**
             * Format: int64
             * @description Rows of all steps
             */
            n_step_tokens: number;
            /** Format: int64 */
            n_steps: number;
        };
        /** @description A conversation in the log. */
        LogConversation: {
            /**
             * Format: int64
             * @description Messages that an annotation answered, or that were made one
             */
            annotations: number;
            asked_by?: null | components["schemas"]["Asker"];
            /** Format: date-time */
            created_at: string;
            /**
             * Format: int64
             * @description Messages that failed
             */
            failures: number;
            id: components["schemas"]["ConversationId"];
            /** Format: int64 */
            member_dislikes: number;
            /** Format: int64 */
            member_likes: number;
            /** Format: int32 */
            message_count: number;
            name: string;
            /** @description service-api, web-app, mcp or debugger */
            source: string;
            /** Format: int64 */
            total_tokens: number;
            /**
             * Format: date-time
             * @description Of the last message
             */
            updated_at: string;
            /** Format: int64 */
            user_dislikes: number;
            /** Format: int64 */
            user_likes: number;
        };
        /** @description What somebody thinks of an answer. */
        LogFeedback: {
            comment?: string | null;
            /** @description like or dislike */
            rating: string;
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
        /** @description A message in the log. */
        LogMessage: {
            annotation_id?: null | components["schemas"]["AnnotationId"];
            answer: string;
            asked_by?: null | components["schemas"]["Asker"];
            /**
             * Format: int32
             * @description Prompt tokens that came from the prefix cache
             */
            cached_tokens: number;
            /** Format: int32 */
            completion_tokens: number;
            conversation_id?: null | components["schemas"]["ConversationId"];
            /** Format: date-time */
            created_at: string;
            currency: string;
            error?: string | null;
            error_code?: string | null;
            /** @description Of question and answer, as `/v1/messages` gives them */
            files: Record<string, unknown>[];
            /** Format: date-time */
            finished_at?: string | null;
            id: components["schemas"]["MessageId"];
            inputs: Record<string, unknown>;
            /** Format: double */
            latency_s: number;
            member_feedback?: null | components["schemas"]["LogFeedback"];
            model?: null | components["schemas"]["LogModel"];
            /** Format: int32 */
            prompt_tokens: number;
            query: string;
            retriever_resources: Record<string, unknown>[];
            run_id?: null | components["schemas"]["WorkflowRunId"];
            saved_annotation_id?: null | components["schemas"]["AnnotationId"];
            /** @description service-api, web-app, mcp or debugger */
            source: string;
            /** @description running, normal, stopped, error, interrupted or paused */
            status: string;
            thoughts: components["schemas"]["LogThought"][];
            /** Format: double */
            time_to_first_token_s?: number | null;
            /** Format: double */
            time_to_generate_s?: number | null;
            /** Format: double */
            total_price: number;
            /** @description What was done; of chatflows the run's nodes tell */
            trace: components["schemas"]["Span"][];
            user_feedback?: null | components["schemas"]["LogFeedback"];
            /**
             * Format: int32
             * @description Of the app's published version; null of a draft
             */
            version_number?: number | null;
        };
        LogModel: {
            name: string;
            provider: string;
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
        /** @description A round of an agent. */
        LogThought: {
            id: components["schemas"]["ThoughtId"];
            /** @description JSON text, by tool */
            observation: string;
            /** Format: int32 */
            position: number;
            thought: string;
            /** @description Names, separated by semicolons */
            tool: string;
            /** @description JSON text, by tool */
            tool_input: string;
        };
        /**
         * @description How a mail fared.
         * @enum {string}
         */
        MailStatus: "queued" | "sent" | "failed" | "dropped";
        MapModels: {
            mappings: components["schemas"]["Mapping"][];
            /** @description Whether the next import does the same by itself (yes) */
            remember?: boolean | null;
            /**
             * Format: int64
             * @description `draft_revision` that the mappings were chosen for; without it they go into the draft as it is
             */
            revision?: number | null;
        };
        /** @description A model that another one took the place of. */
        Mapped: {
            from: components["schemas"]["ModelRef"];
            /** @description How often */
            places: number;
            to: components["schemas"]["ModelRef"];
        };
        MappedModels: {
            app: components["schemas"]["App"];
            mapped: components["schemas"]["Mapped"][];
            /** @description What the draft still names and the workspace does not have */
            missing: components["schemas"]["Missing"];
        };
        /** @description `to` runs in place of `from`. */
        Mapping: {
            from: components["schemas"]["ModelName"];
            to: components["schemas"]["ModelName"];
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
        /** @description What is missing, with the places that name it. */
        Missing: {
            knowledge: components["schemas"]["MissingKnowledge"][];
            models: components["schemas"]["MissingModel"][];
            /** @description Of Dify, that the file says it needs */
            plugins: string[];
            tools: components["schemas"]["MissingTool"][];
        };
        MissingKnowledge: {
            at: components["schemas"]["At"];
            dataset_ids: string[];
            message: string;
        };
        MissingModel: {
            /** @description llm, text-embedding or rerank */
            kind: string;
            /** @description Why it can't be used, and what to do */
            message: string;
            name: string;
            places: components["schemas"]["At"][];
            provider: string;
        };
        MissingTool: {
            message: string;
            places: components["schemas"]["At"][];
            provider_id: string;
            provider_name: string;
            provider_type: components["schemas"]["ProviderType"];
            tool_name: string;
        };
        /** @description A model of the catalog. */
        Model: {
            /** @description Of local models, as the checkpoint names it */
            architecture?: string | null;
            /** @description Tokens of prompt and answer together */
            context_size: number;
            /** @description It can be deleted: it lies in the models folder */
            deletable: boolean;
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
            /** @description Of an adapter, the local model it is for */
            parent?: string | null;
            prices?: null | components["schemas"]["Prices"];
            /** @description `local` or the name of a provider */
            provider: string;
            /** @description Why it failed or is refused */
            reason?: string | null;
            /** @description `available` (not in memory), `loading`, `ready`, `failed` or `refused` */
            status: string;
            /**
             * Format: int64
             * @description Of local models, bytes of their files
             */
            weight_bytes?: number | null;
        };
        /** @description What a model's call took. Times are seconds from the call on; 0 where a provider does not tell. */
        ModelCall: {
            /**
             * Format: int32
             * @description Prompt tokens that came from the prefix cache
             */
            cached_tokens: number;
            /** Format: int32 */
            completion_tokens: number;
            /**
             * Format: double
             * @description Until the first token
             */
            first_token_s: number;
            /**
             * Format: int32
             * @description Prompt tokens that stand for pictures
             */
            image_tokens: number;
            /**
             * Format: double
             * @description Until the prompt was made ready
             */
            prepare_s: number;
            /** Format: int32 */
            prompt_tokens: number;
            /**
             * Format: double
             * @description How long it waited for its turn after that
             */
            queue_s: number;
        };
        /** @description A remembered mapping. */
        ModelMapping: components["schemas"]["Mapping"] & {
            created_by_name?: string | null;
            id: components["schemas"]["ModelMappingId"];
            /** Format: date-time */
            updated_at: string;
        };
        /** Format: uuid */
        ModelMappingId: string;
        ModelName: {
            name: string;
            /** @description `local` or the name of one of the workspace's providers */
            provider: string;
        };
        /** @description What a model takes in memory, in bytes. */
        ModelPlan: {
            architecture: string;
            /**
             * Format: int64
             * @description Tokens of prompt and answer together
             */
            context_length: number;
            /** @description `cpu` or `cuda` */
            device: string;
            /** Format: int64 */
            memory_bytes?: number | null;
            model: string;
            /**
             * Format: int64
             * @description Of those, what one token goes through
             */
            n_active_parameters: number;
            /** Format: int64 */
            n_parameters: number;
            /** @description One for each way of holding the weights */
            options: components["schemas"]["PlanOption"][];
            vision: boolean;
        };
        /** @description How apps name a model: `provider: local, name: default` is the bundled or configured default. */
        ModelRef: {
            name: string;
            /** @description `local`, or the name of a provider of the workspace. */
            provider: string;
        };
        NodeChanges: {
            added: components["schemas"]["NodeName"][];
            changed: components["schemas"]["ChangedNode"][];
            removed: components["schemas"]["NodeName"][];
        };
        NodeName: {
            id: string;
            title: string;
            type: string;
        };
        /** @description A node of a run. */
        NodeRun: {
            /** Format: date-time */
            created_at: string;
            /** Format: double */
            elapsed_s: number;
            error?: string | null;
            error_type?: string | null;
            /** Format: date-time */
            finished_at: string;
            /** @description Where a branch went on */
            handle?: string | null;
            /**
             * Format: uuid
             * @description Of this node in this place of the run
             */
            id: string;
            /**
             * Format: int32
             * @description 1 for the run's first node
             */
            index: number;
            /** @description Null where values were not asked for */
            inputs?: Record<string, unknown> | null;
            /** @description Less than all is shown: ask for the whole */
            inputs_truncated: boolean;
            metadata: Record<string, unknown>;
            node_id: string;
            node_type: string;
            outputs?: Record<string, unknown> | null;
            outputs_truncated: boolean;
            predecessor_node_id?: string | null;
            process_data?: Record<string, unknown> | null;
            process_data_truncated: boolean;
            /** @description Tries that failed before */
            retries: components["schemas"]["NodeTry"][];
            /** @description The rounds of the iterations and loops around it, the outermost first */
            rounds: components["schemas"]["RoundOf"][];
            /** @description succeeded, failed, exception (failed, and its error strategy took over) or stopped */
            status: string;
            title: string;
            usage: components["schemas"]["NodeUsage"];
        };
        /** @description What came of a node that was tried. */
        NodeTried: {
            /** @description Of paused ones: the form */
            form?: Record<string, unknown> | null;
            node_run?: null | components["schemas"]["NodeRun"];
            /** @description succeeded, failed, exception, stopped or paused (it asks a person) */
            status: string;
        };
        /** @description A try that failed and that another one followed. */
        NodeTry: {
            /** Format: double */
            elapsed_s: number;
            error: string;
            error_type: string;
            /** Format: date-time */
            finished_at: string;
            inputs: Record<string, unknown>;
            outputs: Record<string, unknown>;
            process_data: Record<string, unknown>;
        };
        /** @description What model calls cost. */
        NodeUsage: {
            currency: string;
            /** Format: double */
            total_price: number;
            /** Format: int64 */
            total_tokens: number;
        };
        /** @description A variable that a node reads. */
        NodeVariable: {
            field: string;
            /** @description There is a value: the node can run without being given one */
            is_known: boolean;
            /** @description Where it is read: in this node or one inside of it */
            read_by_node_id: string;
            /** @description A node's id (or `sys`, `env`, `conversation`), a variable, keys inside of it */
            selector: string[];
            /** @description Of the node that it is of */
            title?: string | null;
            /** @description As the DSL writes it; null where it is not known */
            type?: string | null;
            /** @description What it last held, or was set to; cut when it is long */
            value: Record<string, unknown>;
            value_truncated: boolean;
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
        /** @description An app's page, and who opened it. */
        OpenedSite: components["schemas"]["SitePage"] & {
            /** @description Says who you are in place of the cookie, as the header `X-Site-Visitor`: for pages in frames, whose cookies browsers hold back */
            visitor: string;
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
        PlanOption: {
            /**
             * Format: int64
             * @description Driver and libraries of a GPU
             */
            device_bytes: number;
            /**
             * Format: int64
             * @description Encoded pictures that are kept
             */
            encoder_cache_bytes: number;
            /**
             * Format: int64
             * @description All of these together
             */
            fixed_bytes: number;
            /** Format: int64 */
            kv_bytes_per_token: number;
            /**
             * Format: int64
             * @description Tokens of KV cache in the memory that is left; null without a limit
             */
            kv_tokens?: number | null;
            /** @description `stored` or `fp8` */
            precision: string;
            /** Format: int64 */
            weight_bytes: number;
            /**
             * Format: int64
             * @description What a step takes at its widest point
             */
            workspace_bytes: number;
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
        /** @description What a new version is called. */
        PublishApp: {
            name?: string;
            note?: string;
        };
        /** @description A download of a model. */
        Pull: {
            /** Format: int64 */
            done_bytes: number;
            /** @description Why it failed, with what can be done */
            error?: string | null;
            id: components["schemas"]["PullId"];
            /** @description `OWNER/NAME`, with `@REVISION` where one was asked for */
            model: string;
            /** Format: date-time */
            started_at: string;
            /** @description `running`, `done` or `failed` */
            status: string;
            /**
             * Format: int64
             * @description 0 until the hub has said what there is
             */
            total_bytes: number;
        };
        /** Format: uuid */
        PullId: string;
        RateMessage: {
            comment?: string | null;
            rating?: null | components["schemas"]["Rating"];
        };
        /** @enum {string} */
        Rating: "like" | "dislike";
        RenameConversation: {
            /** @description Let the model find the name */
            auto_generate?: boolean;
            name?: string | null;
        };
        RenameTag: {
            /** @description Where apps carry this one already, the two become one */
            name: string;
        };
        ReplaceDraft: {
            config: Record<string, unknown>;
            /**
             * Format: int64
             * @description `draft_revision` that the change was made on
             */
            revision: number;
        };
        /** @description Where a run begins in the middle of an earlier one. */
        ReplayFrom: {
            /** @description It and everything behind it runs again */
            node_id: string;
            run_id: components["schemas"]["WorkflowRunId"];
        };
        /** @enum {string} */
        ResponseMode: "streaming" | "blocking";
        /**
         * @description What a member may do in one workspace. A workspace has exactly one owner.
         * @enum {string}
         */
        Role: "owner" | "admin" | "editor" | "normal" | "dataset_operator";
        /** @description One round of a container. */
        RoundOf: {
            container: components["schemas"]["Container"];
            /** @description From 0 */
            index: number;
            node_id: string;
        };
        /** @description Who a run is for. */
        RunCreator: {
            /** Format: uuid */
            id: string;
            /** @description Of an end user: as the caller named it */
            name: string;
            /** @description account or end_user */
            type: string;
        };
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
        RunDraft: {
            /** @description The workflow as it is in the studio; without it the saved draft runs */
            config?: Record<string, unknown> | null;
            /** @description Of a workflow with several triggers: where it starts */
            entry_node_id?: string | null;
            files?: components["schemas"]["InputFile"][];
            from?: null | components["schemas"]["ReplayFrom"];
            /** @description Values of the start node's form; of a workflow with triggers, what the trigger brings */
            inputs?: {
                [key: string]: unknown;
            };
            /** @description With `from`: values in place of those of the earlier run */
            overrides?: components["schemas"]["GivenVariable"][];
            response_mode?: null | components["schemas"]["ResponseMode"];
        };
        /** @description A form of a run. */
        RunForm: {
            actions: Record<string, unknown>[];
            /** @description What was answered */
            answer?: Record<string, unknown> | null;
            /** Format: date-time */
            answered_at?: string | null;
            /** @description Address of the recipient whose link was used; null for the form's own link, the console and the API */
            answered_by?: string | null;
            /** @description `webapp`, `email` */
            channels: string[];
            /** Format: date-time */
            expires_at: string;
            /** @description Markdown */
            form_content: string;
            id: components["schemas"]["HumanInputFormId"];
            inputs: Record<string, unknown>[];
            node_id: string;
            node_title: string;
            /** @description Those it went to by e-mail */
            recipients: components["schemas"]["FormRecipient"][];
            resolved_default_values: Record<string, unknown>;
            /** @description waiting, answered or expired */
            status: string;
        };
        RunNode: {
            /** @description The workflow as it is in the studio; without it the saved draft's node runs */
            config?: Record<string, unknown> | null;
            form?: null | components["schemas"]["AnswerForm"];
            response_mode?: null | components["schemas"]["ResponseMode"];
            /** @description Values for what the node reads; the rest is as it last was */
            variables?: components["schemas"]["GivenVariable"][];
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
        /** @description One line of the list of runs. */
        RunSummary: {
            conversation_id?: null | components["schemas"]["ConversationId"];
            /** Format: date-time */
            created_at: string;
            created_by?: null | components["schemas"]["RunCreator"];
            currency?: string | null;
            /**
             * Format: double
             * @description Without the times it waited for people
             */
            elapsed_s: number;
            error?: string | null;
            /**
             * Format: int32
             * @description Nodes and rounds that failed without failing the run
             */
            exceptions_count: number;
            /** Format: date-time */
            finished_at?: string | null;
            id: components["schemas"]["WorkflowRunId"];
            message_id?: null | components["schemas"]["MessageId"];
            mode: components["schemas"]["AppMode"];
            /** @description debugger, service-api, web-app or mcp */
            source: string;
            /** @description scheduled, running, paused, succeeded, failed, stopped or partial-succeeded */
            status: string;
            task_id: components["schemas"]["TaskId"];
            /**
             * Format: double
             * @description Of the models that it asked
             */
            total_price: number;
            /** Format: int32 */
            total_steps: number;
            /** Format: int64 */
            total_tokens: number;
            /** @description debugging, app-run, webhook or schedule */
            triggered_from: string;
            version_id?: null | components["schemas"]["AppVersionId"];
            /** Format: int32 */
            version_number?: number | null;
        };
        /**
         * @description What stands before the key in a header.
         * @enum {string}
         */
        Scheme: "basic" | "bearer" | "custom";
        /** @description A secret, without its value. */
        Secret: {
            app?: null | components["schemas"]["SecretApp"];
            /**
             * Format: date-time
             * @description Null of an environment variable
             */
            created_at?: string | null;
            /** @description Of an MCP server: which of its headers are kept */
            headers: string[];
            /**
             * Format: uuid
             * @description Of the provider, the tool provider or the app
             */
            id: string;
            /** @description False when it was sealed with another instance key: it has to be entered anew */
            is_readable: boolean;
            kind: components["schemas"]["SecretKind"];
            /** @description Of the provider or the environment variable */
            name: string;
            /**
             * Format: date-time
             * @description Of an environment variable: when its app was last changed
             */
            updated_at: string;
        };
        SecretApp: {
            mode: components["schemas"]["AppMode"];
            name: string;
        };
        /** @enum {string} */
        SecretKind: "provider" | "api" | "mcp" | "environment_variable";
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
        /** @enum {string} */
        Severity: "error" | "warning";
        SignIn: {
            email: string;
            password: string;
        };
        /** @description How the app's page presents it. Empty texts fall back to the app's own. */
        Site: {
            /**
             * @description `#rgb` or `#rrggbb`; empty or null: ours
             * @default null
             */
            chat_color_theme: string | null;
            /** @default false */
            chat_color_theme_inverted: boolean;
            /** @default null */
            copyright: string | null;
            /** @default  */
            custom_disclaimer: string;
            /**
             * @description Empty: as the visitor's browser says
             * @default
             */
            default_language: string;
            /** @default system */
            default_theme: components["schemas"]["SiteTheme"];
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
        /** @description The page of a published app, as a visitor finds it. */
        SitePage: {
            app: components["schemas"]["AppFace"];
            mode: components["schemas"]["AppMode"];
            /** @description As `/v1/parameters` gives them */
            parameters: Record<string, unknown>;
            site: components["schemas"]["Site"];
        };
        /** @enum {string} */
        SiteTheme: "system" | "light" | "dark";
        /** @description One thing that was done. Times are seconds since the question came. */
        Span: {
            call?: null | components["schemas"]["ModelCall"];
            /** Format: double */
            duration_s: number;
            error?: string | null;
            kind: components["schemas"]["SpanKind"];
            /** @description Of a model as `provider/name`, of a tool as the model calls it; empty of the rest */
            name: string;
            /** Format: double */
            start_s: number;
        };
        /** @enum {string} */
        SpanKind: "prepare" | "model" | "tool";
        /** @description What callers and visitors of an app got; members' previews are not counted. */
        Statistics: {
            /** @description Of the cost; null when nothing cost anything */
            currency?: string | null;
            /** @description Every hour or day from `from` to `to`, the first and the last perhaps in part */
            data: components["schemas"]["Bucket"][];
            interval: components["schemas"]["Interval"];
            /** @description The same length of time before */
            previous: components["schemas"]["Figures"];
            time_zone: string;
            total: components["schemas"]["Figures"];
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
        /** @description A tag and how many apps carry it. */
        Tag: {
            /** Format: int64 */
            n_apps: number;
            name: string;
        };
        /** Format: uuid */
        TaskId: string;
        /** @description An app to start from. */
        Template: {
            category: components["schemas"]["Category"];
            icon: string;
            icon_background: string;
            id: string;
            mode: components["schemas"]["AppMode"];
            /** @description By language: `en-US`, `zh-Hans` */
            texts: {
                [key: string]: components["schemas"]["TemplateText"];
            };
            /** @description It looks at pictures */
            vision: boolean;
        };
        /** @description How a template is shown in one language. */
        TemplateText: {
            description: string;
            name: string;
        };
        TextToAudio: {
            /** @description Wins over `text` */
            message_id?: string | null;
            text?: string | null;
        };
        /** @enum {string} */
        Theme: "system" | "light" | "dark";
        /** Format: uuid */
        ThoughtId: string;
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
            enable_mcp?: boolean | null;
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
        /** @description A file that was taken in for somebody who signs in nowhere. */
        Upload: {
            id: components["schemas"]["FileId"];
            name: string;
            /**
             * Format: int64
             * @description Bytes
             */
            size: number;
            type: components["schemas"]["FileKind"];
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
        VariableChange: {
            /** @description Of changed ones; paths are inside the variable, secrets are asterisks */
            changes: components["schemas"]["Change"][];
            kind: components["schemas"]["ChangeKind"];
            list: components["schemas"]["VariableList"];
            name: string;
        };
        /** @enum {string} */
        VariableKind: "node" | "conversation" | "system" | "environment";
        /** @enum {string} */
        VariableList: "environment" | "conversation";
        /** @description From one config to another. */
        VersionDiff: {
            edges: components["schemas"]["EdgeChanges"];
            features: components["schemas"]["Change"][];
            /** @description What the app does is the same */
            layout_only: boolean;
            nodes: components["schemas"]["NodeChanges"];
            /** @description Of anything else; paths are those of the whole config */
            others: components["schemas"]["Change"][];
            variables: components["schemas"]["VariableChange"][];
        };
        /** @description A run with what it was asked and came to, and the graph that it ran. */
        WorkflowRun: components["schemas"]["RunSummary"] & {
            /** @description Of its version or draft; null when that is gone */
            graph?: Record<string, unknown> | null;
            inputs: Record<string, unknown>;
            /** @description Ask for the whole */
            inputs_truncated: boolean;
            outputs?: Record<string, unknown> | null;
            outputs_truncated: boolean;
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
                /** @description Only one's own apps */
                mine?: boolean;
                mode?: components["schemas"]["AppMode"];
                sort?: "created" | "updated" | "name";
                /** @description Apps with this tag */
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
    list_log_conversations: {
        parameters: {
            query?: {
                /** @description Answered by an annotation, or made one */
                annotated?: boolean;
                /** @description Messages of this conversation, wherever it was held */
                conversation_id?: components["schemas"]["ConversationId"];
                /** @description Of conversations: their last message */
                created_after?: string;
                created_before?: string;
                cursor?: string;
                failed?: boolean;
                /** @description In questions and answers; or an id */
                keyword?: string;
                limit?: number;
                /** @description like or dislike, whoever gave it */
                rating?: components["schemas"]["Rating"];
                /** @description service-api, web-app, mcp or debugger (the console's preview); without it all but the debugger's */
                source?: string;
                /** @description Part of how the caller names the end user */
                user?: string;
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
                    "application/json": components["schemas"]["List_LogConversation"];
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
    get_log_conversation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                conversation_id: components["schemas"]["ConversationId"];
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
                    "application/json": components["schemas"]["LogConversation"];
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
    check_draft: {
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
                "application/json": components["schemas"]["CheckDraft"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Checked"];
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
    map_models: {
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
                "application/json": components["schemas"]["MapModels"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MappedModels"];
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
    get_last_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                node_id: string;
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
                    "application/json": components["schemas"]["LastRun"];
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
    run_node: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                node_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunNode"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeTried"];
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
    list_node_variables: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                node_id: string;
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
                    "application/json": components["schemas"]["List_NodeVariable"];
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
    run_draft: {
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
                "application/json": components["schemas"]["RunDraft"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlockingRun"];
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
    stop_node: {
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
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_draft_variables: {
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
                    "application/json": components["schemas"]["List_DraftVariable"];
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
    clear_draft_variables: {
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
    clear_node_variables: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                node_id: string;
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
    get_draft_variable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                name: string;
                node_id: string;
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
                    "application/json": components["schemas"]["DraftVariable"];
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
    edit_draft_variable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                name: string;
                node_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EditVariable"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DraftVariable"];
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
    reset_draft_variable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                name: string;
                node_id: string;
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
    renew_mcp_code: {
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
    list_log_messages: {
        parameters: {
            query?: {
                /** @description Answered by an annotation, or made one */
                annotated?: boolean;
                /** @description Messages of this conversation, wherever it was held */
                conversation_id?: components["schemas"]["ConversationId"];
                /** @description Of conversations: their last message */
                created_after?: string;
                created_before?: string;
                cursor?: string;
                failed?: boolean;
                /** @description In questions and answers; or an id */
                keyword?: string;
                limit?: number;
                /** @description like or dislike, whoever gave it */
                rating?: components["schemas"]["Rating"];
                /** @description service-api, web-app, mcp or debugger (the console's preview); without it all but the debugger's */
                source?: string;
                /** @description Part of how the caller names the end user */
                user?: string;
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
                    "application/json": components["schemas"]["List_LogMessage"];
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
    get_log_message: {
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
                    "application/json": components["schemas"]["LogMessage"];
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
    annotate_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnnotateMessage"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogMessage"];
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
    rate_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RateMessage"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogMessage"];
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
    export_messages: {
        parameters: {
            query: {
                /** @description Answered by an annotation, or made one */
                annotated?: boolean;
                /** @description Messages of this conversation, wherever it was held */
                conversation_id?: components["schemas"]["ConversationId"];
                /** @description Of conversations: their last message */
                created_after?: string;
                created_before?: string;
                cursor?: string;
                failed?: boolean;
                format: "csv" | "jsonl";
                /** @description In questions and answers; or an id */
                keyword?: string;
                limit?: number;
                /** @description like or dislike, whoever gave it */
                rating?: components["schemas"]["Rating"];
                /** @description service-api, web-app, mcp or debugger (the console's preview); without it all but the debugger's */
                source?: string;
                /** @description Part of how the caller names the end user */
                user?: string;
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
                    "text/csv": string;
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
    list_runs: {
        parameters: {
            query?: {
                created_after?: string;
                created_before?: string;
                cursor?: string;
                /** @description In inputs, outputs or the caller's name; or a run's id */
                keyword?: string;
                limit?: number;
                /** @description Only what others ran: no runs of the draft */
                published?: boolean;
                /** @description debugger, service-api, web-app or mcp */
                source?: string;
                /** @description scheduled, running, paused, succeeded, failed, stopped or partial-succeeded */
                status?: string;
                /** @description debugging (the draft), app-run, webhook or schedule */
                triggered_from?: string;
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
                    "application/json": components["schemas"]["List_RunSummary"];
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
    get_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                run_id: components["schemas"]["WorkflowRunId"];
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
                    "application/json": components["schemas"]["WorkflowRun"];
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
    follow_run: {
        parameters: {
            query?: {
                /** @description Go on when the run waits for people */
                continue_on_pause?: boolean;
                /** @description What happened so far comes first */
                include_state_snapshot?: boolean;
            };
            header?: {
                "Last-Event-ID"?: number | null;
            };
            path: {
                app_id: components["schemas"]["AppId"];
                run_id: components["schemas"]["WorkflowRunId"];
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
                    "text/event-stream": unknown;
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
    list_run_forms: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                run_id: components["schemas"]["WorkflowRunId"];
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
                    "application/json": components["schemas"]["List_RunForm"];
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
    answer_run_form: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                form_id: components["schemas"]["HumanInputFormId"];
                run_id: components["schemas"]["WorkflowRunId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnswerForm"];
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
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_run_nodes: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                /** @description Inputs, process data and outputs too (yes) */
                values?: boolean;
            };
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                run_id: components["schemas"]["WorkflowRunId"];
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
                    "application/json": components["schemas"]["List_NodeRun"];
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
    get_run_node: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                node_run_id: string;
                run_id: components["schemas"]["WorkflowRunId"];
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
                    "application/json": components["schemas"]["NodeRun"];
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
    get_run_node_value: {
        parameters: {
            query?: {
                /** @description JSON pointer into the value (`/text`, `/items/0`); without it all of it */
                pointer?: string;
            };
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                field: string;
                node_run_id: string;
                run_id: components["schemas"]["WorkflowRunId"];
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
                    "application/json": Record<string, unknown>;
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
    stop_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                run_id: components["schemas"]["WorkflowRunId"];
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
    take_run_values: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                run_id: components["schemas"]["WorkflowRunId"];
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
    get_run_value: {
        parameters: {
            query?: {
                /** @description JSON pointer into the value (`/text`, `/items/0`); without it all of it */
                pointer?: string;
            };
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                field: string;
                run_id: components["schemas"]["WorkflowRunId"];
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
                    "application/json": Record<string, unknown>;
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
    export_runs: {
        parameters: {
            query: {
                created_after?: string;
                created_before?: string;
                cursor?: string;
                format: "csv" | "jsonl";
                /** @description In inputs, outputs or the caller's name; or a run's id */
                keyword?: string;
                limit?: number;
                /** @description Only what others ran: no runs of the draft */
                published?: boolean;
                /** @description debugger, service-api, web-app or mcp */
                source?: string;
                /** @description scheduled, running, paused, succeeded, failed, stopped or partial-succeeded */
                status?: string;
                /** @description debugging (the draft), app-run, webhook or schedule */
                triggered_from?: string;
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
                    "text/csv": string;
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
    renew_site_code: {
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
    get_statistics: {
        parameters: {
            query: {
                from: string;
                interval: components["schemas"]["Interval"];
                /** @description Where days and hours begin, as IANA names it (UTC) */
                time_zone?: string;
                /** @description Not part of it any more */
                to: string;
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
                    "application/json": components["schemas"]["Statistics"];
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
    diff_versions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                app_id: components["schemas"]["AppId"];
                /** @description A version's id, or `draft` */
                other: string;
                /** @description A version's id, or `draft` */
                version_id: string;
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
                    "application/json": components["schemas"]["VersionDiff"];
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
    get_engine: {
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
                    "application/json": components["schemas"]["EngineStatus"];
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
    get_form_page: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                form_token: string;
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
                    "application/json": components["schemas"]["LinkedForm"];
                };
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
    answer_form_page: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                form_token: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnswerLinkedForm"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LinkedForm"];
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
            412: {
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
    upload_form_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                form_token: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["FormFile"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upload"];
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
            412: {
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
            429: {
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
    list_model_mappings: {
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
                    "application/json": components["schemas"]["List_ModelMapping"];
                };
            };
        };
    };
    put_model_mapping: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Mapping"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_ModelMapping"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_model_mapping: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                mapping_id: components["schemas"]["ModelMappingId"];
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
    get_model_plan: {
        parameters: {
            query: {
                /** @description `cpu` or `cuda` [default: what local models run on] */
                device?: string;
                /** @description Which of a repository's files, such as `*Q4_K_M.gguf` */
                file?: string;
                /** @description Memory to fit into [default: on the CPU all of this machine's] */
                memory_bytes?: number;
                /** @description A local model, `OWNER/NAME` on the hub, or a shape such as `qwen3-vl-8b` */
                model: string;
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
                    "application/json": components["schemas"]["ModelPlan"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_pulls: {
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
                    "application/json": components["schemas"]["List_Pull"];
                };
            };
        };
    };
    create_pull: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreatePull"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pull"];
                };
            };
            400: {
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
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_pull: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                pull_id: components["schemas"]["PullId"];
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
    delete_model: {
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
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
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
    create_playground_completion: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
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
            429: {
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
    list_secrets: {
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
                    "application/json": components["schemas"]["List_Secret"];
                };
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
    site_create_chat_message: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChatRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlockingAnswer"];
                };
            };
        };
    };
    site_follow_chat_message: {
        parameters: {
            query: {
                user: string;
            };
            header?: {
                "Last-Event-ID"?: number | null;
            };
            path: {
                task_id: string;
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
                    "text/event-stream": unknown;
                };
            };
        };
    };
    site_stop_chat_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                task_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    site_create_completion_message: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CompletionRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlockingAnswer"];
                };
            };
        };
    };
    site_follow_completion_message: {
        parameters: {
            query: {
                user: string;
            };
            header?: {
                "Last-Event-ID"?: number | null;
            };
            path: {
                task_id: string;
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
                    "text/event-stream": unknown;
                };
            };
        };
    };
    site_stop_completion_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                task_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    site_list_conversations: {
        parameters: {
            query?: {
                last_id?: string;
                limit?: number;
                sort_by?: string;
                user?: string;
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
                    "application/json": components["schemas"]["CursorPage_Conversation"];
                };
            };
        };
    };
    site_delete_conversation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                conversation_id: components["schemas"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserBody"];
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    site_rename_conversation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                conversation_id: components["schemas"]["ConversationId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenameConversation"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Conversation"];
                };
            };
        };
    };
    site_upload_service_file: {
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
    site_list_messages: {
        parameters: {
            query: {
                conversation_id: string;
                first_id?: string;
                limit?: number;
                user?: string;
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
                    "application/json": components["schemas"]["CursorPage_Message"];
                };
            };
        };
    };
    site_create_feedback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                message_id: components["schemas"]["MessageId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateFeedback"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    site_list_suggested_questions: {
        parameters: {
            query: {
                user: string;
            };
            header?: never;
            path: {
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
                    "application/json": components["schemas"]["Suggested"];
                };
            };
        };
    };
    site_follow_workflow_run: {
        parameters: {
            query: {
                continue_on_pause?: boolean;
                include_state_snapshot?: boolean;
                user: string;
            };
            header?: {
                "Last-Event-ID"?: number | null;
            };
            path: {
                workflow_run_id: string;
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
                    "text/event-stream": unknown;
                };
            };
        };
    };
    site_run_workflow: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlockingRun"];
                };
            };
        };
    };
    site_stop_workflow: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                task_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    open_site: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site_code: string;
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
                    "application/json": components["schemas"]["OpenedSite"];
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
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    list_tags: {
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
                    "application/json": components["schemas"]["List_Tag"];
                };
            };
        };
    };
    delete_tag: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tag: string;
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
    rename_tag: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tag: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenameTag"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tag"];
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
    list_templates: {
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
                    "application/json": components["schemas"]["List_Template"];
                };
            };
        };
    };
    create_app_from_template: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                template_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateAppFromTemplate"];
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
