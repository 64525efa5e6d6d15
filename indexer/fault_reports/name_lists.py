"""The lists behind `names`: what exports call the columns that we know. Data only.

Each of our names has lists of other names, separated by ";", under a weight. The weight orders rivals for the same
place (the date of the failure before the date of the order's creation); it is not a probability. English, German and
Chinese, as SAP PM, Maximo and plain sheets say them.
"""

from __future__ import annotations

NAMES: dict[str, dict[float, str]] = {
    "report_id": {
        1.0: (
            "work order; workorder; wonum; wo; work order number; work order no; work order id; workorderid; "
            "wo number; wo no; wo id; wo num; wo #; 工单号; 工单编号; 维修工单号; 工单; 单号; 维修单号; 报修单号; "
            "维修单编号; 报修单编号"
        ),
        0.97: (
            "order number; order no; order id; notification; notifctn; notif; notification number; notification no; "
            "notification id; auftrag; auftragsnummer; auftragsnr; meldung; meldungsnummer; meldungsnr; ticket; "
            "ticket id; ticketid; ticket number; ticket no; ticket #; job number; job no; job id; job card; "
            "request id; request number; service request; incident id; incident number; case id; case number; "
            "case no; 通知单号; 任务单号; 订单号; 流水号"
        ),
        0.9: (
            "order; report id; report no; report number; record id; record no; record number; log id; entry id; "
            "报告编号; 记录编号; 记录号; 记录id; 事件编号"
        ),
        0.75: ("fault id; failure id; event id; 故障编号; 故障id; id; ident; uid; identifier"),
        0.6: ("no; nr; number; num; #; key; index; s no; sl no; sr no; po number; 编号; 序号; 号码"),
    },
    "date": {
        1.0: (
            "malfunction start; malfunctn start; malf start; malfunction start date; malfunction date; failure date; "
            "fault date; breakdown date; breakdown start; date occurred; occurred; occurrence date; occurred on; "
            "event date; störungsbeginn; stoerungsbeginn; störbeginn; 故障日期; 故障时间; 发生时间; 发生日期; "
            "故障发生时间; 故障发生日期; 故障开始时间"
        ),
        0.97: (
            "report date; reportdate; reported date; reported; reported on; date reported; notification date; "
            "notif date; meldungsdatum; incident date; 报修时间; 报修日期; 上报时间; 上报日期; 报告日期; 报告时间; "
            "报警时间"
        ),
        0.95: ("date; datum; 日期; date time; datetime"),
        0.93: (
            "basic start date; bsc start date; bas start date; basic start; bsc start; eckstarttermin; eckstart; "
            "work order date; wo date; order date; service date; maintenance date; repair date; inspection date; "
            "工单日期; 维修日期; 检修日期; 处理日期; 记录日期"
        ),
        0.9: (
            "actual start; act start; act start date; actual start date; actstart; start date; work date; started; "
            "start; starttermin; 开始时间; 开始日期; 停机开始时间"
        ),
        0.85: (
            "created; created on; created at; creation date; date created; created date; erstellt am; angelegt am; "
            "opened; open date; opened at; opened on; date opened; entry date; statusdate; status date; 创建时间; "
            "创建日期; 录入时间; 登记日期; 登记时间; 提交时间"
        ),
        0.75: ("timestamp; time stamp; time; 时间; 维修时间; 处理时间; 停机时间; 修理时间; log date"),
        0.6: (
            "finish date; finished; completed; completion date; completed on; date completed; actual finish; "
            "actfinish; act finish; closed; closed on; close date; end date; malfunction end; malfunctn end; "
            "完成时间; 完成日期; 结束时间; 修复时间; 完工日期"
        ),
    },
    "machine": {
        1.0: (
            "asset; assetnum; asset num; asset no; asset number; asset id; asset code; asset tag; equipment; "
            "equipment no; equipment number; equipment id; equipment code; equipment tag; equip; equip no; equip id; "
            "eqpt; machine; machine no; machine number; machine id; machine code; maschine; maschinennummer; "
            "maschinen nr; equipmentnummer; equi; 设备编号; 设备编码; 设备代码; 设备号; 设备id; 机台; 机台号; "
            "机台编号; 机器编号; 资产编号; 资产编码"
        ),
        0.97: ("设备; 机器; 机床; anlage; 设备位号; 位号; equipment involved"),
        0.93: (
            "machine name; equipment name; asset name; 设备名称; 机器名称; 机台名称; 资产名称; 设备名; "
            "maschinenname; tail number; robot; vehicle; truck; aircraft; unit number; unit id; unit no; vehicle id; "
            "vehicle number; 车号; 车辆编号"
        ),
        0.8: ("设备型号; 机型; machine model; equipment model; machine type; equipment type; asset type"),
        0.74: (
            "equipment description; equipmet descriptn; equipment descr; asset description; asset desc; "
            "machine description; technical object description; technisches objekt; object description; "
            "equipment desc"
        ),
        0.72: (
            "functional location; functional loc; func location; func loc; funcloc; floc; technischer platz; "
            "功能位置; technical object; technical location"
        ),
        0.58: ("unit; tag; tag number; 产线; 生产线; 线体; production line; line; workstation; station; 工位"),
        0.5: ("location; 位置; model; 车间"),
    },
    "component": {
        1.0: (
            "component; component name; part; part name; failed part; failed component; faulty part; "
            "faulty component; object part; object part text; object part code text; object part description; "
            "objektteil; objektteiltext; bauteil; baugruppe; 部件; 故障部件; 故障组件; 部件名称; 故障部位; 部位; "
            "零件; 零部件; 组件; 故障零件; 零件名称; 故障部件名称; 模块名称"
        ),
        0.85: (
            "sub component; subcomponent; assembly; sub assembly; subassembly; subsystem; sub system; "
            "maintainable item; object part code"
        ),
        0.72: (
            "system; major system; module; functional location description; functional loc description; "
            "func loc description; functional location desc; 系统; 模块; 子系统; 功能位置描述"
        ),
        0.6: ("item; item name; area of failure"),
    },
    "code": {
        1.0: (
            "fault code; error code; alarm code; trouble code; diagnostic code; fault codes; error codes; "
            "alarm codes; dtc; alarm no; alarm number; alarm id; error no; error number; error id; fault no; "
            "fault number; fehlercode; fehlernummer; störcode; störungscode; alarmnummer; 故障代码; 报警代码; "
            "故障码; 报警号; 报警码; 报警编号; 错误代码; 错误码; 错误号; 故障号; 警报代码; 告警代码; 告警码; 异常代码"
        ),
        0.8: ("event code; message number; message no; message code"),
        0.72: ("failure code; failurecode; code; 代码; 故障编号; fault id; spn; error; alarm; 报警; 告警"),
    },
    "symptom": {
        1.0: (
            "symptom; symptoms; problem; problem description; fault description; failure description; fault symptom; "
            "issue; issue description; defect description; breakdown description; malfunction description; "
            "description fault; complaint; discrepancy; observation; fault phenomenon; fehlerbeschreibung; "
            "störungsbeschreibung; 故障现象; 故障描述; 故障说明; 故障情况; 问题现象; 问题描述; 现象; 现象描述; "
            "异常现象; 异常描述; 故障内容; 报修内容; 报修描述; 故障详情; 问题"
        ),
        0.95: (
            "short text; shorttext; short description; kurztext; notification description; work order description; "
            "wo description; order description; notification text; event description; incident description; "
            "bezeichnung"
        ),
        0.9: (
            "description; desc; descriptn; beschreibung; 描述; 工单描述; 简述; 摘要; defect; malfunction; fault; "
            "störung"
        ),
        0.85: (
            "long text; longtext; langtext; long description; description longdescription; detailed description; "
            "详细描述; work description; job description; request description; reported problem"
        ),
        0.7: (
            "title; subject; summary; failure; details; text; 故障; 标题; 主题; 内容; damage description; observations"
        ),
    },
    "cause": {
        1.0: (
            "cause; root cause; failure cause; fault cause; cause text; cause code text; cause description; "
            "cause of failure; reason; failure reason; fault reason; breakdown reason; ursache; ursachentext; "
            "ursachencodetext; 故障原因; 原因; 原因分析; 根本原因; 形成原因; 发生原因; 故障分析; 问题原因; 异常原因; "
            "停机原因"
        ),
        0.75: (
            "cause code; causecode; root cause code; downtime reason; diagnosis; analysis; findings; finding; "
            "原因代码; 诊断; 原因类别"
        ),
    },
    "action": {
        1.0: (
            "action; actions; action taken; actions taken; corrective action; remedy; repair; repair action; "
            "repairs; solution; resolution; work done; work performed; work carried out; fix; correction; "
            "rectification; repair description; maintenance action; activity text; activity code text; maßnahme; "
            "massnahme; maßnahmen; tätigkeit; abhilfe; behebung; 处理措施; 解决办法; 解决方法; 解决措施; 维修内容; "
            "处理方法; 处理结果; 维修措施; 维修结果; 处理过程; 维修过程; 措施; 对策; 处理情况; 解决方案; 维修方法; "
            "处置措施; 处理; 维修情况; 检修内容; 修理内容; 处理办法; 排除方法; 纠正措施"
        ),
        0.8: (
            "remedy code; activity; task text; work log; completion notes; closing notes; technician notes; "
            "repair notes; resolution notes; close notes; 维修记录; 处理记录; 维修说明; worklog; job done"
        ),
    },
    "failure_mode": {
        1.0: (
            "failure mode; failure modes; fault mode; fm; damage code text; damage text; damage; problem code; "
            "problemcode; failure type; fault type; fault category; failure category; fault class; failure class; "
            "problem type; defect type; schadensbild; schaden; schadensbildtext; 故障模式; 失效模式; 故障类型; "
            "故障类别; 故障分类; 异常类型; 问题类型; 故障种类"
        ),
        0.8: ("damage code; symptom code; breakdown type; failure group"),
        0.71: ("failure code; failurecode; fault code description"),
    },
    "downtime_hours": {
        1.0: (
            "downtime; down time; breakdown duration; breakdown dur; brkdn dur; breakdown time; outage duration; "
            "outage time; downtime duration; downtime hours; downtime minutes; hours down; down hours; "
            "machine downtime; ausfalldauer; stillstandszeit; stillstandsdauer; störungsdauer; 停机时间; 停机时长; "
            "停机工时; 故障时长; 停机小时; 停机小时数; 停机分钟; 停机天数; 停台时间; 停线时间; 故障停机时间; "
            "故障停机时长; 停产时间; 影响时间; 停机"
        ),
        0.75: ("duration; failure duration; fault duration; 持续时间; 时长; 故障时间; 故障持续时间; dauer"),
    },
    "cost": {
        1.0: (
            "cost; costs; total cost; total costs; total act costs; total actual costs; tot act costs; actual cost; "
            "actual costs; total actual cost; act total cost; acttotalcost; repair cost; repair costs; "
            "maintenance cost; maintenance costs; cost total; work order cost; kosten; istkosten; gesamtkosten; "
            "gesamtkosten ist; gesistkosten; reparaturkosten; 费用; 维修费用; 总费用; 成本; 维修成本; 总成本; "
            "合计费用; 维修金额; 费用合计; 修理费; 维修费"
        ),
        0.8: ("金额; total; expense; amount"),
        0.6: (
            "labor cost; labour cost; actlabcost; material cost; actmatcost; parts cost; 材料费; 人工费; 材料费用; "
            "人工费用; 配件费用"
        ),
    },
}

# Hours that are no downtime but the next best thing to judge a repair by; using them is said in a warning.
STAND_INS = (
    "repair time; repair hours; time to repair; ttr; mttr; repair duration; 维修时间; 维修时长; 维修用时; 维修工时; "
    "修复时间; 修理时间; 修复时长; labor hours; labour hours; lab hrs; act lab hrs; actlabhrs; man hours; manhours; "
    "actual work; act work; actual hours; 工时; 人工工时; istarbeit"
)

# These say too little at the end of a longer name ("user id", "cost code", "work centre description").
EXACT_ONLY = (
    "id ident uid identifier no nr number num # key index order wo code description desc text title subject summary "
    "details time line unit tag station location model item system module total amount error alarm failure start "
    "started closed reported opened created completed finished occurred repair repairs robot vehicle truck equipment "
    "asset machine part action damage activity analysis fix 编号 序号 号码 单号 工单 代码 描述 内容 标题 主题 时间 "
    "位置 设备 机器 处理 工时 停机 金额 故障 问题 系统 模块 报警 告警 位号 时长 车间"
)

# What is planned, advised or due has not happened: such a column is no record of a repair.
NOT_DONE = (
    "next due planned plan target recommended preventive expected estimated est scheduled required proposed budget "
    "budgeted latest warranty purchase install installation birth 计划 预计 建议 下次 到期 预防 预算 采购 出厂 投产 "
    "购置"
)
